/** isolated-vm for the Python backend, which sits on top of this folder: the only door to that package. */
import ivm from 'isolated-vm';

export { ivm };
