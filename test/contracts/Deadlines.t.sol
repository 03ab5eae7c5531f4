// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {INodeRegistry} from "../../contracts/interfaces/INodeRegistry.sol";
import {ITaskConsensus} from "../../contracts/interfaces/ITaskConsensus.sol";
import {Errors} from "../../contracts/libraries/Errors.sol";
import {NetworkTest} from "./base/NetworkTest.sol";

/// @notice Every deadline of a task: what is possible until it, what after it, and that `advance` ends every task.
contract DeadlinesTest is NetworkTest {
    function setUp() public override {
        super.setUp();
        addNodes(3);
    }

    function _expectNothingToAdvance(bytes32 taskId) private {
        vm.expectPartialRevert(Errors.TaskConsensus_NothingToAdvance.selector);
        consensus.advance(taskId);
    }

    // ---- the draw

    function test_Start_NotInTheCreatingBlock() external {
        bytes32 taskId = create(request());
        vm.expectRevert(
            abi.encodeWithSelector(Errors.TaskConsensus_DrawTooEarly.selector, taskId, block.number, block.number)
        );
        consensus.start(taskId);
        vm.assertEq(consensus.task(taskId).drawBlock, block.number);
    }

    function test_Start_AfterTheBlockHashIsForgotten_FixesAnotherBlock() external {
        bytes32 taskId = create(request());
        uint256 drawBlock = block.number;
        vm.roll(drawBlock + 257);
        consensus.start(taskId);
        assertState(taskId, ITaskConsensus.State.Queued, "still queued");
        vm.assertEq(consensus.task(taskId).drawBlock, drawBlock + 257);
        vm.expectPartialRevert(Errors.TaskConsensus_DrawTooEarly.selector);
        consensus.start(taskId);
        nextBlock();
        consensus.start(taskId);
        assertState(taskId, ITaskConsensus.State.Started, "drawn");
    }

    function test_Start_WithTheLastKnownBlockHash() external {
        bytes32 taskId = create(request());
        vm.roll(block.number + 256);
        consensus.start(taskId);
        assertState(taskId, ITaskConsensus.State.Started, "drawn");
    }

    function test_Start_TooFewNodes_StaysQueuedUntilThereAreThree() external {
        vm.prank(nodes[0]);
        registry.pause();
        bytes32 taskId = create(request());
        nextBlock();
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_TooFewNodes.selector, 2));
        consensus.start(taskId);
        assertState(taskId, ITaskConsensus.State.Queued, "queued");
        assertStatus(nodes[1], INodeRegistry.Status.Available, "not taken");
        vm.prank(nodes[0]);
        registry.resume();
        consensus.start(taskId);
        assertState(taskId, ITaskConsensus.State.Started, "drawn");
    }

    function test_Cancel_RefundsAQueuedTask() external {
        bytes32 taskId = create(request());
        vm.expectRevert(abi.encodeWithSelector(Errors.TaskConsensus_NotCreator.selector, taskId, address(this)));
        consensus.cancel(taskId);
        _expectNothingToAdvance(taskId);
        vm.prank(creator);
        consensus.cancel(taskId);
        assertAborted(taskId, ITaskConsensus.AbortReason.Cancelled, "cancelled");
        vm.assertEq(consensus.balanceOf(creator), 1_000 ether);
        vm.prank(creator);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.TaskConsensus_WrongState.selector, taskId, ITaskConsensus.State.Aborted)
        );
        consensus.cancel(taskId);
    }

    /// @dev Who could decline a draw would create and cancel until he likes it.
    function test_Cancel_NotWhenTheTaskCanStart() external {
        bytes32 taskId = create(request());
        nextBlock();
        bytes memory refusal = abi.encodeWithSelector(Errors.TaskConsensus_CanStart.selector, taskId);
        vm.prank(creator);
        vm.expectRevert(refusal);
        consensus.cancel(taskId);
        // Nor with so little gas that the trial fails for that.
        for (uint256 gas = 60_000; gas < 140_000; gas += 5_000) {
            uint256 before = consensus.balanceOf(creator);
            vm.prank(creator);
            try consensus.cancel{gas: gas}(taskId) {
                vm.assertTrue(false, "cancelled");
            } catch {}
            vm.assertEq(consensus.balanceOf(creator), before, "no refund");
        }
        vm.roll(block.number + 255);
        vm.prank(creator);
        vm.expectRevert(refusal);
        consensus.cancel(taskId);
        assertState(taskId, ITaskConsensus.State.Queued, "queued");
        assertStatus(nodes[0], INodeRegistry.Status.Available, "the trial takes nobody");

        uint256 snapshot = vm.snapshotState();
        vm.prank(nodes[0]);
        registry.pause();
        vm.prank(creator);
        consensus.cancel(taskId);
        assertAborted(taskId, ITaskConsensus.AbortReason.Cancelled, "too few nodes");
        vm.revertToState(snapshot);
        // The hash is forgotten, and with it who was to be drawn.
        nextBlock();
        vm.prank(creator);
        consensus.cancel(taskId);
        assertAborted(taskId, ITaskConsensus.AbortReason.Cancelled, "nobody started it");
    }

    function test_Cancel_NotAfterTheDraw() external {
        bytes32 taskId = started();
        vm.prank(creator);
        vm.expectPartialRevert(Errors.TaskConsensus_WrongState.selector);
        consensus.cancel(taskId);
        vm.expectPartialRevert(Errors.TaskConsensus_WrongState.selector);
        consensus.start(taskId);
    }

    // ---- commits

    function test_Commit_UntilTheDeadlineAndNotLater() external {
        bytes32 taskId = started();
        uint256 deadline = consensus.task(taskId).commitDeadline;
        vm.assertEq(deadline, block.timestamp + TIMEOUT);
        vm.warp(deadline);
        commit(taskId, 0, 0, A);
        _expectNothingToAdvance(taskId);
        vm.warp(deadline + 1);
        address node = drawn(taskId)[1];
        vm.prank(node);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.TaskConsensus_CommitDeadlinePassed.selector, taskId, deadline, deadline + 1)
        );
        consensus.commit(taskId, 1, bytes32(uint256(1)));
        consensus.advance(taskId);
        assertAborted(taskId, ITaskConsensus.AbortReason.NotEnoughReveals, "one commit");
    }

    function test_TheThirdCommitOpensReveals() external {
        bytes32 taskId = started();
        commit(taskId, 2, 0, A);
        commit(taskId, 0, 0, A);
        uint256 commitDeadline = consensus.task(taskId).commitDeadline;
        _expectNoReveal(
            taskId, 0, abi.encodeWithSelector(Errors.TaskConsensus_RevealsNotOpen.selector, taskId, 2, commitDeadline)
        );
        commit(taskId, 1, 0, A);
        assertState(taskId, ITaskConsensus.State.Revealing, "open");
        vm.assertEq(consensus.task(taskId).revealDeadline, block.timestamp + 300);
    }

    /// @dev The reveal is the only call after the expectation.
    function _expectNoReveal(bytes32 taskId, uint256 slot, bytes memory reason) private {
        address node = drawn(taskId)[slot];
        if (reason.length == 4) vm.expectPartialRevert(bytes4(reason));
        else vm.expectRevert(reason);
        vm.prank(node);
        consensus.reveal(taskId, slot, 0, A, SALT);
    }

    // ---- reveals

    function test_Reveal_AfterTheCommitDeadlineWithTwoCommits_NeedsNoAdvance() external {
        bytes32 taskId = started();
        commit(taskId, 0, 0, A);
        commit(taskId, 1, 0, A);
        uint256 deadline = consensus.task(taskId).commitDeadline;
        vm.warp(deadline);
        assertState(taskId, ITaskConsensus.State.Started, "until the deadline");
        vm.warp(deadline + 7);
        // The view tells what a transaction would find.
        assertState(taskId, ITaskConsensus.State.Revealing, "after the deadline");
        vm.assertEq(consensus.task(taskId).revealDeadline, deadline + 300);
        reveal(taskId, 1, 0, A);
        vm.assertEq(consensus.task(taskId).revealDeadline, deadline + 300, "runs from the commit deadline");
        reveal(taskId, 0, 0, A);
        assertState(taskId, ITaskConsensus.State.AwaitingUpload, "no need to wait for who did not commit");
    }

    function test_Advance_AfterTheCommitDeadlineWithTwoCommits_OpensReveals() external {
        bytes32 taskId = started();
        commit(taskId, 0, 0, A);
        commit(taskId, 1, 0, A);
        uint256 deadline = consensus.task(taskId).commitDeadline;
        vm.warp(deadline + 1);
        consensus.advance(taskId);
        vm.assertEq(consensus.task(taskId).revealDeadline, deadline + 300);
        _expectNothingToAdvance(taskId);
    }

    function test_Advance_LongAfterBothDeadlines_EndsAtOnce() external {
        bytes32 taskId = started();
        commit(taskId, 0, 0, A);
        commit(taskId, 1, 0, A);
        vm.warp(consensus.task(taskId).commitDeadline + 301);
        consensus.advance(taskId);
        assertAborted(taskId, ITaskConsensus.AbortReason.NotEnoughReveals, "nobody revealed");
        vm.assertEq(token.balanceOf(address(incentivePool)), 3 * STAKE * 2 / 100, "all three are silent");
    }

    function test_Reveal_UntilTheDeadlineAndNotLater() external {
        bytes32 taskId = started();
        for (uint256 i = 0; i < 3; ++i) {
            commit(taskId, i, 0, A);
        }
        uint256 deadline = consensus.task(taskId).revealDeadline;
        vm.warp(deadline);
        reveal(taskId, 0, 0, A);
        _expectNothingToAdvance(taskId);
        vm.warp(deadline + 1);
        _expectNoReveal(
            taskId,
            1,
            abi.encodeWithSelector(Errors.TaskConsensus_RevealDeadlinePassed.selector, taskId, deadline, deadline + 1)
        );
        consensus.advance(taskId);
        assertAborted(taskId, ITaskConsensus.AbortReason.NotEnoughReveals, "one reveal");
    }

    function test_Reveal_LateAlsoWhenNobodyOpened() external {
        bytes32 taskId = started();
        commit(taskId, 0, 0, A);
        commit(taskId, 1, 0, A);
        vm.warp(consensus.task(taskId).commitDeadline + 301);
        _expectNoReveal(taskId, 0, abi.encodePacked(Errors.TaskConsensus_RevealDeadlinePassed.selector));
    }

    function test_TwoRevealsDoNotSettleWhileTheThirdMayStillCome() external {
        bytes32 taskId = started();
        for (uint256 i = 0; i < 3; ++i) {
            commit(taskId, i, 0, A);
        }
        reveal(taskId, 0, 0, A);
        reveal(taskId, 1, 0, A);
        assertState(taskId, ITaskConsensus.State.Revealing, "the third may agree, or be slashed");
        vm.warp(consensus.task(taskId).revealDeadline + 1);
        consensus.advance(taskId);
        assertState(taskId, ITaskConsensus.State.AwaitingUpload, "two of three");
        vm.assertEq(consensus.balanceOf(drawn(taskId)[1]), FEE / 2);
    }

    // ---- a task ends once

    function test_NothingMovesATaskThatEnded() external {
        bytes32 taskId = started();
        play(taskId, result(A), result(A), result(A));
        upload(taskId, "digest");
        vm.warp(block.timestamp + 10 days);
        _expectNothingToAdvance(taskId);
        vm.expectPartialRevert(Errors.TaskConsensus_WrongState.selector);
        consensus.start(taskId);
        vm.expectPartialRevert(Errors.TaskConsensus_WrongState.selector);
        consensus.commit(taskId, 0, SALT);
        vm.expectPartialRevert(Errors.TaskConsensus_WrongState.selector);
        consensus.reveal(taskId, 0, 0, A, SALT);
        vm.expectPartialRevert(Errors.TaskConsensus_WrongState.selector);
        consensus.reportUploaded(taskId, "digest", 1, "");
        vm.expectPartialRevert(Errors.TaskConsensus_FaultWindowClosed.selector);
        consensus.reportFault(taskId, "digest", "");
    }

    function test_AnUnknownTask() external {
        bytes memory unknown = abi.encodeWithSelector(Errors.TaskConsensus_TaskUnknown.selector, SALT);
        vm.expectRevert(unknown);
        consensus.start(SALT);
        vm.expectRevert(unknown);
        consensus.commit(SALT, 0, SALT);
        vm.expectRevert(unknown);
        consensus.reveal(SALT, 0, 0, A, SALT);
        vm.expectRevert(unknown);
        consensus.reportUploaded(SALT, SALT, 1, "");
        vm.expectRevert(unknown);
        consensus.reportFault(SALT, SALT, "");
        vm.expectRevert(unknown);
        consensus.advance(SALT);
        vm.expectRevert(unknown);
        consensus.cancel(SALT);
        assertState(SALT, ITaskConsensus.State.None, "none");
    }

    /// @dev Security row 12: whoever is silent, at both steps, the task ends by its deadlines and nothing is lost.
    function test_EverySilentSet_EndsInTime() external {
        for (uint256 set = 0; set < 64; ++set) {
            uint256 snapshot = vm.snapshotState();
            Move[3] memory moves;
            for (uint256 i = 0; i < 3; ++i) {
                moves[i] =
                    Move({commits: (set >> i) & 1 != 0, reveals: (set >> (i + 3)) & 1 != 0, outcome: 0, score: A});
            }
            uint256 begun = block.timestamp;
            bytes32 taskId = started();
            play(taskId, moves, [0, 1, 2]);
            if (consensus.task(taskId).state == ITaskConsensus.State.AwaitingUpload) {
                for (uint256 i = 0; i < 3 && consensus.task(taskId).state != ITaskConsensus.State.Aborted; ++i) {
                    vm.warp(consensus.task(taskId).uploadDeadline + 1);
                    consensus.advance(taskId);
                }
            }
            assertState(taskId, ITaskConsensus.State.Aborted, "ended");
            vm.assertLe(block.timestamp, begun + TIMEOUT + 300 + 3 * 600 + 10, "in time");
            assertConserved(0, "silent set");
            vm.revertToState(snapshot);
        }
    }

    /// @dev Security row 15.
    function test_FifteenSecondsOfAMinersClockChangeNothing() external {
        for (uint256 i = 0; i < 3; ++i) {
            uint256 snapshot = vm.snapshotState();
            bytes32 taskId = started();
            vm.warp(block.timestamp + 15 * i);
            commit(taskId, 0, 0, A);
            commit(taskId, 1, 0, A);
            commit(taskId, 2, 0, B);
            vm.warp(block.timestamp + 15 * (2 - i));
            reveal(taskId, 2, 0, B);
            reveal(taskId, 1, 0, A);
            reveal(taskId, 0, 0, A);
            vm.assertEq(token.balanceOf(address(incentivePool)), STAKE);
            vm.assertEq(consensus.task(taskId).uploader, drawn(taskId)[0]);
            vm.revertToState(snapshot);
        }
    }
}
