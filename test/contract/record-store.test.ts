import { RECORD_STORES } from '../support/store-places.ts';
import { recordStoreContract } from './record-store.contract.ts';

for (const implementation of RECORD_STORES) recordStoreContract(implementation);
