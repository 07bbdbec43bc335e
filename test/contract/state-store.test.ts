import { STATE_STORES } from '../support/store-places.ts';
import { stateStoreContract } from './state-store.contract.ts';
import { stateStoreOwnersContract } from './state-store-owners.contract.ts';

for (const implementation of STATE_STORES) {
  stateStoreContract(implementation);
  stateStoreOwnersContract(implementation);
}
