// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {CrynuxToken} from "../../../contracts/CrynuxToken.sol";
import {IncentivePool} from "../../../contracts/IncentivePool.sol";
import {NodeRegistry} from "../../../contracts/NodeRegistry.sol";
import {TaskConsensus} from "../../../contracts/TaskConsensus.sol";
import {OptimizedCode} from "../base/OptimizedCode.sol";

/// @notice How large the contracts are.
contract CodeSizeTest is OptimizedCode {
    /// @dev EIP-170: no chain takes more than 24,576 bytes. Forge itself does not tell, since the tests exceed it.
    function test_EveryContractFits() external {
        CrynuxToken token = newToken();
        IncentivePool pool = newIncentivePool(token, address(this));
        address consensusAddress = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        NodeRegistry registry = newRegistry(token, pool, consensusAddress, address(this));
        TaskConsensus consensus = newConsensus(token, registry, address(this));
        address[4] memory all = [address(token), address(pool), address(registry), address(consensus)];
        for (uint256 i = 0; i < all.length; ++i) {
            vm.assertLe(all[i].code.length, 24_576, "code size");
        }
    }
}
