import { extension } from "./extension.js";
import { mime } from "./mime.js";

export default [extension, mime];
