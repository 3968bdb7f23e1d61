// Results of helpers and kfuncs: negative errno values of the generic Linux ABI.

export const ENOENT = -2;
export const E2BIG = -7;
export const EFAULT = -14;
export const EEXIST = -17;
export const EINVAL = -22;
