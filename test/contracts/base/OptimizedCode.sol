// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {CrynuxToken} from "../../../contracts/CrynuxToken.sol";
import {IncentivePool} from "../../../contracts/IncentivePool.sol";
import {NodeRegistry} from "../../../contracts/NodeRegistry.sol";
import {TaskConsensus} from "../../../contracts/TaskConsensus.sol";
import {TestBase, Vm} from "./TestBase.sol";

/// @dev Makes the contracts from the code that is deployed. The tests themselves are compiled without optimizer, which takes a
/// third of the time (foundry.toml, profile "tests"); a plain `new` in them would make contracts without it as well.
abstract contract OptimizedCode is TestBase {
    function newToken() internal returns (CrynuxToken) {
        return CrynuxToken(_make("CrynuxToken", ""));
    }

    function newIncentivePool(CrynuxToken token, address owner) internal returns (IncentivePool) {
        return IncentivePool(_make("IncentivePool", abi.encode(token, owner)));
    }

    function newRegistry(CrynuxToken token, IncentivePool pool, address consensus, address owner)
        internal
        returns (NodeRegistry)
    {
        bytes memory arguments = abi.encode(token, pool, consensus, owner);
        return NodeRegistry(_make("NodeRegistry", arguments));
    }

    function newConsensus(CrynuxToken token, NodeRegistry registry, address owner) internal returns (TaskConsensus) {
        bytes memory arguments = abi.encode(token, registry, owner);
        return TaskConsensus(_make("TaskConsensus", arguments));
    }

    /// @dev By the path of the artifact: a name means the one that was made with the settings of the test. That is what coverage
    /// needs, which can only follow code that it has compiled itself.
    function _make(string memory name, bytes memory arguments) private returns (address) {
        string memory file = string.concat(name, ".sol");
        if (vm.isContext(Vm.ForgeContext.Coverage)) return vm.deployCode(string.concat(file, ":", name), arguments);
        string memory folder = vm.envOr("FOUNDRY_OUT", string("out"));
        return vm.deployCode(string.concat(folder, "/", file, "/", name, ".json"), arguments);
    }
}
