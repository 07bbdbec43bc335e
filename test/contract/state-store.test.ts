import { STATE_STORES } from '../support/store-places.ts';
import { stateStoreContract } from './state-store.contract.ts';
import { stateStoreLivesContract } from './state-store-lives.contract.ts';
import { stateStoreOwnersContract } from './state-store-owners.contract.ts';
import { stateStoreReplaceContract } from './state-store-replace.contract.ts';

for (const implementation of STATE_STORES) {
  stateStoreContract(implementation);
  stateStoreOwnersContract(implementation);
  stateStoreReplaceContract(implementation);
  stateStoreLivesContract(implementation);
}
