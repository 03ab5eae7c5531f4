// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {CrynuxToken} from "../../../../contracts/CrynuxToken.sol";
import {IncentivePool} from "../../../../contracts/IncentivePool.sol";
import {NodeRegistry} from "../../../../contracts/NodeRegistry.sol";
import {TaskConsensus} from "../../../../contracts/TaskConsensus.sol";
import {TestBase} from "../../base/TestBase.sol";
import {Witness} from "../Witness.sol";
import {Model} from "../model/Model.sol";

/// @dev Everything that a handler can reach.
struct Network {
    CrynuxToken token;
    IncentivePool incentivePool;
    NodeRegistry registry;
    TaskConsensus consensus;
    Model model;
    Witness witness;
}

/// @title One role in the campaign
/// @notice Forge calls the external functions of the handlers with random numbers. Each makes one call to the contracts. Before,
/// it asks the model what must come of it: success, or this very error; anything else fails the campaign. Most calls are
/// aimed at something that can be done; one in eight is not, and mostly has to be refused.
abstract contract Handler is TestBase {
    CrynuxToken internal immutable TOKEN;
    IncentivePool internal immutable POOL;
    NodeRegistry internal immutable REGISTRY;
    TaskConsensus internal immutable CONSENSUS;
    Model internal immutable MODEL;
    Witness internal immutable WITNESS;

    uint256 private _random;

    /// @dev Begins a step: in the time of the model, and with a stream of random numbers from `seed`.
    modifier step(uint256 seed) {
        _pass(0, 0);
        MODEL.beginStep();
        _random = seed;
        _;
    }

    constructor(Network memory network) {
        TOKEN = network.token;
        POOL = network.incentivePool;
        REGISTRY = network.registry;
        CONSENSUS = network.consensus;
        MODEL = network.model;
        WITNESS = network.witness;
    }

    function _pass(uint256 seconds_, uint256 blocks) internal {
        MODEL.pass(seconds_, blocks);
        vm.warp(MODEL.timestamp());
        vm.roll(MODEL.blockNumber());
    }

    function _word() internal returns (uint256) {
        _random = uint256(keccak256(abi.encode(_random)));
        return _random;
    }

    function _below(uint256 limit) internal returns (uint256) {
        return _word() % limit;
    }

    function _between(uint256 lower, uint256 upper) internal returns (uint256) {
        return lower + _below(upper - lower + 1);
    }

    function _oneIn(uint256 many) internal returns (bool) {
        return _below(many) == 0;
    }

    function _anyWallet() internal returns (address) {
        address[] memory wallets = MODEL.wallets();
        return wallets[_below(wallets.length)];
    }

    /// @dev Any task there ever was, or one that never was.
    function _anyTask() internal returns (bytes32) {
        bytes32[] memory tasks = MODEL.tasks();
        uint256 index = _below(tasks.length + 1);
        return index == tasks.length ? bytes32(_word()) : tasks[index];
    }

    /// @param name What is done, for the counts and for the message of a failure.
    /// @param refusal The error that the model foretells; zero for success.
    function _perform(bytes32 name, address caller, address target, bytes memory call, bytes4 refusal)
        internal
        returns (bytes memory answer)
    {
        bool done;
        vm.recordLogs();
        vm.prank(caller);
        (done, answer) = target.call(call);
        string memory what = string(abi.encodePacked(name));
        if (refusal == 0) {
            vm.assertTrue(done, string.concat(what, ": was refused, but must be possible"));
            MODEL.count(name);
            // Forge also records what a call logged before it was refused: only what came to be counts.
            WITNESS.read(vm.getRecordedLogs());
        } else {
            vm.assertTrue(!done, string.concat(what, ": was done, but must be refused"));
            vm.assertEq(
                uint256(uint32(bytes4(answer))),
                uint256(uint32(refusal)),
                string.concat(what, ": was refused, but with another error")
            );
            MODEL.countRefused(name);
        }
    }
}
