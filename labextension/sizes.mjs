// Says how large JupyterLab's extension is: `node sizes.mjs`.
import { sizes } from "./remote.mjs";

console.log(JSON.stringify(await sizes()));
