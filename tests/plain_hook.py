"""A plain ``post_run_cell`` hook, as anybody would write it: what the capture matrix compares with."""

from pathlib import Path

SEEN = Path("plain_hook.txt").absolute()  # in the kernel's folder, whatever becomes of the kernel


def load_ipython_extension(ip):
    def post_run_cell(result):
        error = result.error_before_exec or result.error_in_exec
        if error is not None:
            with SEEN.open("a") as file:
                file.write(f"{type(error).__name__}\n")

    ip.events.register("post_run_cell", post_run_cell)
