import type { ISessionContext } from "@jupyterlab/apputils";
import type { Kernel } from "@jupyterlab/services";
import { Connection } from "./connection.js";

/** What the reader has set. */
export const wishes = { captureOnStart: false };

const known = new WeakMap<Kernel.IKernelConnection, Connection>();

/** The one connection of a kernel; two views of a notebook share their kernel's. */
function connectionTo(kernel: Kernel.IKernelConnection): Connection {
  let connection = known.get(kernel);
  if (!connection)
    known.set(kernel, (connection = new Connection(kernel, () => wishes.captureOnStart)));
  return connection;
}

/** The connection of the kernel that a notebook has now; null where it has none. */
export function connectionOf(context: ISessionContext): Connection | null {
  const kernel = context.session?.kernel;
  return kernel && !kernel.isDisposed ? connectionTo(kernel) : null;
}

/**
 * Calls `follow` with the connection that a session has, now and whenever it or what it knows
 * changes; until the function that is returned is called.
 */
export function follow(
  context: ISessionContext,
  follow: (connection: Connection | null) => void,
): () => void {
  let followed: Connection | null = null;
  const told = () => follow(followed);
  const change = () => {
    followed?.changed.disconnect(told);
    followed = connectionOf(context);
    followed?.changed.connect(told);
    told();
  };
  context.kernelChanged.connect(change);
  change();
  return () => {
    context.kernelChanged.disconnect(change);
    followed?.changed.disconnect(told);
  };
}
