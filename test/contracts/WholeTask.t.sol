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
}
