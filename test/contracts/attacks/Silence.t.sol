// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {INodeRegistry} from "../../../contracts/interfaces/INodeRegistry.sol";
import {ITaskConsensus} from "../../../contracts/interfaces/ITaskConsensus.sol";
import {HostileTest} from "../base/HostileTest.sol";

/// @notice Security row 12: whoever is silent, and whenever, the task ends in time, the silent ones pay for it, and no coin is
/// made or lost. All sets of who does not commit and who does not reveal, all orders of who commits, with deadlines
/// that a stranger moves on.
contract SilenceTest is HostileTest {
    uint8[3][6] private _orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    uint256 private constant PENALTY = STAKE * 2 / 100;

    function setUp() public override {
        super.setUp();
        addNodes(3);
    }

    function test_EverySet_Image() external {
        _everySet(request(), A);
    }

    function test_EverySet_Text() external {
        _everySet(textRequest(), abi.encode(keccak256("text")));
    }

    function _everySet(ITaskConsensus.TaskRequest memory request_, bytes memory score) private {
        for (uint256 commits = 0; commits < 8; ++commits) {
            for (uint256 reveals = 0; reveals < 8; ++reveals) {
                for (uint256 order = 0; order < 6; ++order) {
                    uint256 snapshot = vm.snapshotState();
                    _run(request_, score, commits, reveals, _orders[order]);
                    vm.revertToState(snapshot);
                }
            }
        }
    }

    /// @param commits A bit for each slot: it commits. @param reveals It reveals when it can.
    function _run(
        ITaskConsensus.TaskRequest memory request_,
        bytes memory score,
        uint256 commits,
        uint256 reveals,
        uint8[3] memory order
    ) private {
        string memory what = string.concat("commits ", vm.toString(commits), ", reveals ", vm.toString(reveals));
        bytes32 taskId = start(request_);
        address[3] memory wallets = drawn(taskId);
        uint256 startedAt = block.timestamp;
        for (uint256 i = 0; i < 3; ++i) {
            if (commits & (1 << order[i]) != 0) commit(taskId, order[i], 0, score);
        }
        uint256 count = _ones(commits);
        if (count < 3) {
            vm.warp(startedAt + TIMEOUT + 1);
            vm.prank(STRANGER);
            consensus.advance(taskId);
        }
        uint256 spoke;
        if (count >= 2) {
            spoke = commits & reveals;
            for (uint256 i = 0; i < 3; ++i) {
                if (spoke & (1 << i) != 0) reveal(taskId, i, 0, score);
            }
            if (spoke != commits) {
                vm.warp(consensus.task(taskId).revealDeadline + 1);
                vm.prank(STRANGER);
                consensus.advance(taskId);
            }
        }
        vm.assertLe(block.timestamp, startedAt + TIMEOUT + registry.unbondingSeconds(), what);
        vm.assertLe(block.timestamp, startedAt + TIMEOUT + consensus.revealWindowSeconds() + 1, what);

        // Who is silent: no commit; or no reveal although reveals had opened.
        uint256 silentSlots = count >= 2 ? 7 & ~spoke : 7 & ~commits;
        for (uint256 i = 0; i < 3; ++i) {
            bool isSilent = silentSlots & (1 << i) != 0;
            INodeRegistry.NodeView memory node = registry.node(wallets[i]);
            vm.assertEq(node.stakeWei, isSilent ? STAKE - PENALTY : STAKE, string.concat(what, ": stake"));
        }
        vm.assertEq(token.balanceOf(address(incentivePool)), _ones(silentSlots) * PENALTY, what);

        if (_ones(spoke) < 2) {
            assertAborted(taskId, ITaskConsensus.AbortReason.NotEnoughReveals, what);
            vm.assertEq(consensus.balanceOf(creator), 1_000 ether, string.concat(what, ": refund"));
        } else {
            assertState(taskId, ITaskConsensus.State.AwaitingUpload, what);
            // Also nobody's upload ends: each agreeing node has one window.
            uint256 windows;
            while (consensus.task(taskId).state == ITaskConsensus.State.AwaitingUpload) {
                vm.warp(consensus.task(taskId).uploadDeadline + 1);
                vm.prank(STRANGER);
                consensus.advance(taskId);
                ++windows;
            }
            vm.assertEq(windows, _ones(spoke), string.concat(what, ": upload windows"));
            assertAborted(taskId, ITaskConsensus.AbortReason.NotUploaded, what);
            uint256 share = FEE / _ones(spoke);
            vm.assertEq(
                consensus.balanceOf(creator), 1_000 ether - share * (_ones(spoke) - 1), string.concat(what, ": rest")
            );
            for (uint256 i = 0; i < 3; ++i) {
                // Agreed, but never brought the result: the penalty is of the whole stake.
                vm.assertEq(registry.node(wallets[i]).stakeWei, STAKE - PENALTY, string.concat(what, ": all missed"));
            }
        }
        for (uint256 i = 0; i < 3; ++i) {
            INodeRegistry.Status status = registry.node(wallets[i]).status;
            vm.assertTrue(
                status == INodeRegistry.Status.Available || status == INodeRegistry.Status.Paused,
                string.concat(what, ": let go of")
            );
        }
        assertConserved(0, what);
        vm.prank(STRANGER);
        (bool again,) = address(consensus).call(abi.encodeCall(consensus.advance, (taskId)));
        vm.assertFalse(again, string.concat(what, ": ended is ended"));
    }

    function _ones(uint256 bits) private pure returns (uint256) {
        return (bits & 1) + ((bits >> 1) & 1) + ((bits >> 2) & 1);
    }
}
