"""A plain ``post_run_cell`` hook, as anybody would write it: what the capture matrix compares with."""

SEEN = []


def load_ipython_extension(ip):
    def post_run_cell(result):
        error = result.error_before_exec or result.error_in_exec
        if error is not None:
            SEEN.append(type(error).__name__)

    ip.events.register("post_run_cell", post_run_cell)
