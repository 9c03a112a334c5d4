import type { ISessionContext } from "@jupyterlab/apputils";
import type { Kernel } from "@jupyterlab/services";
import { Connection } from "./connection.js";

/** What the reader has set, when it is known. */
export const wishes = { captureOnStart: false, areKnown: Promise.resolve() };

async function loadsAtStart(): Promise<boolean> {
  await wishes.areKnown;
  return wishes.captureOnStart;
}

const known = new WeakMap<Kernel.IKernelConnection, Connection>();

/** The connection of the kernel that a notebook has now; null where it has none. */
export function connectionOf(context: ISessionContext): Connection | null {
  const kernel = context.session?.kernel;
  if (!kernel || kernel.isDisposed) return null;
  let connection = known.get(kernel); // which two views of a notebook share
  if (!connection) {
    const language = context.specsManager.specs?.kernelspecs[kernel.name]?.language;
    known.set(kernel, (connection = new Connection(kernel, loadsAtStart, language)));
  }
  return connection;
}

/**
 * Calls `tell` with the connection that a session has, now and whenever it or what it knows
 * changes; until the function that is returned is called.
 */
export function follow(
  context: ISessionContext,
  tell: (connection: Connection | null) => void,
): () => void {
  let followed: Connection | null = null;
  const told = () => tell(followed);
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
