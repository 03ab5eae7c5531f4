// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {INodeRegistry} from "../../contracts/interfaces/INodeRegistry.sol";
import {ITaskConsensus} from "../../contracts/interfaces/ITaskConsensus.sol";
import {NetworkTest} from "./base/NetworkTest.sol";

/// @notice One task from end to end, and what it costs.
contract WholeTaskTest is NetworkTest {
    function test_ThreeAgree_AllArePaidAndFreed() external {
        addNodes(6);
        bytes32 taskId = started();
        address[3] memory node = drawn(taskId);
        play(taskId, result(A), result(A), result(A));
        assertState(taskId, ITaskConsensus.State.AwaitingUpload, "verdict");
        vm.assertEq(consensus.task(taskId).uploader, node[0]);
        vm.assertEq(consensus.balanceOf(node[0]), 0);
        vm.assertEq(consensus.balanceOf(node[1]), FEE / 3);
        vm.assertEq(consensus.balanceOf(node[2]), FEE / 3);
        assertStatus(node[0], INodeRegistry.Status.Busy, "uploader");
        assertStatus(node[1], INodeRegistry.Status.Available, "second");
        assertConserved(FEE - 2 * (FEE / 3), "awaiting");

        upload(taskId, keccak256("sealed"));
        assertState(taskId, ITaskConsensus.State.Completed, "uploaded");
        vm.assertEq(consensus.balanceOf(node[0]), FEE - 2 * (FEE / 3));
        assertStatus(node[0], INodeRegistry.Status.Available, "freed");
        vm.assertEq(registry.availableCount(false, 0, 0), 6);
        assertConserved(0, "completed");
    }

    uint256 private constant ROUNDS = 10;
    mapping(string step => uint256 gas) private _used;
    uint256 private _total;

    function _count(string memory step) private {
        _used[step] += vm.lastCallGas().gasTotalUsed;
        _total += vm.lastCallGas().gasTotalUsed;
    }

    /// @dev As separate transactions, with what a transaction costs before it does anything. Means of some tasks, because a
    /// draw takes more or fewer tries.
    /// forge-config: default.isolate = true
    function test_Gas() external {
        addNodes(6);
        print("join (with an allowance)", vm.lastCallGas().gasTotalUsed);
        // The usual case: nodes that have earned before.
        for (uint256 i = 0; i < 6; ++i) {
            fund(nodes[i], 1);
            vm.prank(nodes[i]);
            consensus.deposit(1);
        }
        for (uint256 round = 0; round < ROUNDS; ++round) {
            bytes32 taskId = create(request());
            _count("create");
            nextBlock();
            vm.setBlockhash(block.number - 1, keccak256(abi.encode(round)));
            consensus.start(taskId);
            _count("start");
            address[3] memory node = drawn(taskId);
            for (uint256 i = 0; i < 3; ++i) {
                bytes32 commitment = commitmentOf(taskId, node[i], 0, A);
                vm.prank(node[i]);
                consensus.commit(taskId, i, commitment);
                _count(i < 2 ? "commit" : "commit, last");
            }
            for (uint256 i = 0; i < 3; ++i) {
                vm.prank(node[i]);
                consensus.reveal(taskId, i, 0, A, SALT);
                _count(i < 2 ? "reveal" : "reveal, last (settles)");
            }
            bytes32 digest = keccak256(abi.encode(round));
            bytes memory signature = receipt(RELAY_KEY, taskId, digest, 1_000, node[0]);
            vm.prank(node[0]);
            consensus.reportUploaded(taskId, digest, 1_000, signature);
            _count("reportUploaded");
        }
        print("create", _used["create"] / ROUNDS);
        print("start", _used["start"] / ROUNDS);
        print("commit", _used["commit"] / ROUNDS / 2);
        print("commit, last", _used["commit, last"] / ROUNDS);
        print("reveal", _used["reveal"] / ROUNDS / 2);
        print("reveal, last (settles)", _used["reveal, last (settles)"] / ROUNDS);
        print("reportUploaded", _used["reportUploaded"] / ROUNDS);
        print("whole successful task", _total / ROUNDS);
        vm.assertLe(_total / ROUNDS, 700_000, "goal for a whole successful task");
    }
}
