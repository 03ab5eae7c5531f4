// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {INodeRegistry} from "../../contracts/interfaces/INodeRegistry.sol";
import {ITaskConsensus} from "../../contracts/interfaces/ITaskConsensus.sol";
import {Errors} from "../../contracts/libraries/Errors.sol";
import {NetworkTest} from "./base/NetworkTest.sol";

/// @notice From the verdict to the delivered result: receipts, missed uploads, faulty uploads and their replacement.
contract UploadsTest is NetworkTest {
    bytes32 private constant DIGEST = keccak256("sealed");
    bytes32 private constant SECOND = keccak256("sealed again");
    uint256 private constant WINDOW = 600;

    bytes32 private _taskId;
    address[3] private _node;

    function setUp() public override {
        super.setUp();
        addNodes(3);
        _taskId = started();
        _node = drawn(_taskId);
    }

    function _agree() private {
        play(_taskId, result(A), result(A), result(A));
    }

    function _uploader() private view returns (address) {
        return consensus.task(_taskId).uploader;
    }

    function _miss() private {
        vm.warp(consensus.task(_taskId).uploadDeadline + 1);
        consensus.advance(_taskId);
    }

    function _report(address caller, bytes32 digest, bytes memory signature) private {
        vm.prank(caller);
        consensus.reportUploaded(_taskId, digest, 1_000, signature);
    }

    // ---- in time

    function test_InTime_TheLastSecondCounts() external {
        _agree();
        uint256 deadline = consensus.task(_taskId).uploadDeadline;
        vm.assertEq(deadline, block.timestamp + WINDOW);
        vm.warp(deadline);
        upload(_taskId, DIGEST);
        assertState(_taskId, ITaskConsensus.State.Completed, "completed");
        vm.assertEq(consensus.task(_taskId).uploadDeadline, deadline + WINDOW, "until when faults are heard");
        vm.assertEq(_uploader(), _node[0]);
    }

    function test_Late_IsTheNextOnesTurn() external {
        _agree();
        uint256 deadline = consensus.task(_taskId).uploadDeadline;
        bytes memory signature = receipt(RELAY_KEY, _taskId, DIGEST, 1_000, _node[0]);
        vm.warp(deadline + 1);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.TaskConsensus_UploadDeadlinePassed.selector, _taskId, deadline, deadline + 1)
        );
        _report(_node[0], DIGEST, signature);

        consensus.advance(_taskId);
        vm.assertEq(_uploader(), _node[1]);
        vm.assertEq(consensus.task(_taskId).uploadDeadline, block.timestamp + WINDOW, "the window starts again");
        assertStatus(_node[0], INodeRegistry.Status.Paused, "who missed");
        vm.assertEq(registry.node(_node[0]).stakeWei, STAKE * 98 / 100);
        upload(_taskId, DIGEST);
        vm.assertEq(consensus.balanceOf(_node[0]), 0);
        vm.assertEq(consensus.balanceOf(_node[1]), FEE - FEE / 3, "its own share and the missed one");
        vm.assertEq(consensus.balanceOf(_node[2]), FEE / 3);
        assertStatus(_node[1], INodeRegistry.Status.Available, "never held again");
        assertConserved(0, "completed");
    }

    function test_NobodyUploads_RefundOfWhatIsUnpaid() external {
        _agree();
        _miss();
        _miss();
        vm.assertEq(_uploader(), _node[2]);
        _miss();
        assertAborted(_taskId, ITaskConsensus.AbortReason.NotUploaded, "nobody");
        vm.assertEq(consensus.balanceOf(creator), 1_000 ether - 2 * (FEE / 3));
        for (uint256 i = 0; i < 3; ++i) {
            assertStatus(_node[i], INodeRegistry.Status.Paused, "penalised");
            vm.assertEq(registry.node(_node[i]).stakeWei, STAKE * 98 / 100);
        }
        assertConserved(0, "aborted");
    }

    function test_TheTurnFollowsTheOrderOfCommits_AndSkipsWhoDisagreed() external {
        play(_taskId, [result(A), result(B), result(A)], [2, 1, 0]);
        vm.assertEq(_uploader(), _node[2]);
        _miss();
        vm.assertEq(_uploader(), _node[0]);
        _miss();
        assertAborted(_taskId, ITaskConsensus.AbortReason.NotUploaded, "nobody left");
        vm.assertEq(consensus.balanceOf(creator), 1_000 ether - FEE / 2);
    }

    function test_ALaterUploaderMayBeBusyWithAnotherTask() external {
        addNodes(1);
        _agree();
        bytes32 other = started(); // the uploader is held, so it is the other two and the new one
        _miss();
        assertStatus(_node[1], INodeRegistry.Status.Busy, "by the other task");
        _miss();
        assertStatus(_node[1], INodeRegistry.Status.PausePending, "penalised, and paused after the other task");
        upload(_taskId, DIGEST);
        assertStatus(_node[2], INodeRegistry.Status.Busy, "still by the other task");
        // The other task ends with nobody having spoken: everyone is let go of, once.
        consensus.advance(other);
        for (uint256 i = 1; i < 3; ++i) {
            assertStatus(_node[i], INodeRegistry.Status.Paused, "let go of");
        }
        assertConserved(0, "both ended");
    }

    function test_ANodeThatLeftStaysLiableWhileItIsToUpload() external {
        _agree();
        vm.prank(_node[1]);
        registry.leave();
        vm.warp(block.timestamp + 1_700);
        consensus.advance(_taskId); // late: nobody called before
        vm.assertEq(_uploader(), _node[1], "unbonding, but its stake is there");
        vm.assertEq(registry.node(_node[1]).unbondingEndsAt, block.timestamp + 2 * WINDOW + 1, "held for both windows");
        vm.warp(block.timestamp + 200);
        vm.prank(_node[1]);
        vm.expectPartialRevert(Errors.NodeRegistry_StillUnbonding.selector);
        registry.withdrawStake();
        _miss();
        assertStatus(_node[1], INodeRegistry.Status.Unbonding, "still leaving");
        vm.assertEq(registry.node(_node[1]).stakeWei, STAKE * 98 / 100, "penalised also while unbonding");
    }

    /// @dev The owner makes both times shorter after the report: the stake answers for the upload all the same.
    function test_ShorterTimesDoNotLetAnUploaderGo() external {
        _agree();
        upload(_taskId, DIGEST);
        uint256 deadline = block.timestamp + WINDOW;
        consensus.setUploadWindow(10);
        registry.setUnbonding(30);
        vm.prank(_node[0]);
        registry.leave();
        vm.warp(deadline);
        vm.prank(_node[0]);
        vm.expectPartialRevert(Errors.NodeRegistry_StillUnbonding.selector);
        registry.withdrawStake();
        uint256 snapshot = vm.snapshotState();
        accuse(_taskId, DIGEST);
        assertStatus(_node[0], INodeRegistry.Status.None, "slashed in the last second");
        vm.revertToState(snapshot);
        vm.warp(deadline + 1);
        vm.prank(_node[0]);
        registry.withdrawStake();
    }

    function test_ANodeWithoutStakeIsSkipped() external {
        _agree();
        vm.prank(_node[1]);
        registry.leave();
        vm.warp(block.timestamp + 1_800);
        vm.prank(_node[1]);
        registry.withdrawStake();
        consensus.advance(_taskId);
        vm.assertEq(_uploader(), _node[2], "who has nothing to lose is not trusted with the upload");
        upload(_taskId, DIGEST);
        assertConserved(0, "completed");
    }

    // ---- receipts

    function test_Receipt_EachFieldCounts() external {
        _agree();
        address node = _node[0];
        bytes[] memory wrong = new bytes[](7);
        wrong[0] = receipt(0xBAD, _taskId, DIGEST, 1_000, node);
        wrong[1] = receipt(RELAY_KEY, keccak256("other"), DIGEST, 1_000, node);
        wrong[2] = receipt(RELAY_KEY, _taskId, SECOND, 1_000, node);
        wrong[3] = receipt(RELAY_KEY, _taskId, DIGEST, 1_001, node);
        wrong[4] = receipt(RELAY_KEY, _taskId, DIGEST, 1_000, _node[1]);
        wrong[5] = fault(RELAY_KEY, _taskId, DIGEST, node);
        wrong[6] = "";
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectPartialRevert(Errors.TaskConsensus_SignerWrong.selector);
            _report(node, DIGEST, wrong[i]);
        }
    }

    function test_Receipt_HighSAndShortFormsAreRefused() external {
        _agree();
        bytes memory signature = receipt(RELAY_KEY, _taskId, DIGEST, 1_000, _node[0]);
        (bytes32 r, bytes32 s, uint8 v) = _split(signature);
        uint256 order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        vm.expectPartialRevert(Errors.TaskConsensus_SignerWrong.selector);
        _report(_node[0], DIGEST, abi.encodePacked(r, bytes32(order - uint256(s)), v == 27 ? uint8(28) : uint8(27)));
        vm.expectPartialRevert(Errors.TaskConsensus_SignerWrong.selector);
        _report(_node[0], DIGEST, abi.encodePacked(r, bytes32(uint256(s) | (uint256(v - 27) << 255))));
        _report(_node[0], DIGEST, signature);
    }

    function _split(bytes memory signature) private pure returns (bytes32 r, bytes32 s, uint8 v) {
        assembly ("memory-safe") {
            r := mload(add(signature, 32))
            s := mload(add(signature, 64))
            v := byte(0, mload(add(signature, 96)))
        }
    }

    function test_OnlyTheUploaderReports() external {
        _agree();
        address[3] memory others = [_node[1], creator, address(this)];
        for (uint256 i = 0; i < 3; ++i) {
            bytes memory signature = receipt(RELAY_KEY, _taskId, DIGEST, 1_000, others[i]);
            vm.expectRevert(abi.encodeWithSelector(Errors.TaskConsensus_NotUploader.selector, _taskId, others[i]));
            _report(others[i], DIGEST, signature);
        }
    }

    function test_ADigestIsNeeded() external {
        _agree();
        bytes memory signature = receipt(RELAY_KEY, _taskId, 0, 1_000, _node[0]);
        vm.expectRevert(abi.encodeWithSelector(Errors.TaskConsensus_ResultDigestZero.selector, _taskId));
        _report(_node[0], 0, signature);
    }

    function test_NotBeforeTheVerdict() external {
        bytes memory signature = receipt(RELAY_KEY, _taskId, DIGEST, 1_000, _node[0]);
        vm.expectPartialRevert(Errors.TaskConsensus_WrongState.selector);
        _report(_node[0], DIGEST, signature);
    }

    function test_ARemovedRelayStillVouchesForUploads_ButNotForFaults() external {
        _agree();
        consensus.removeRelay(relay);
        upload(_taskId, DIGEST);
        bytes memory signature = fault(RELAY_KEY, _taskId, DIGEST, _node[0]);
        vm.expectRevert(abi.encodeWithSelector(Errors.TaskConsensus_RelayUnknown.selector, relay));
        consensus.reportFault(_taskId, DIGEST, signature);
    }

    // ---- faults

    function test_Fault_SlashesAndTheNextOneDelivers() external {
        _agree();
        upload(_taskId, DIGEST);
        accuse(_taskId, DIGEST);
        uint256 share = FEE / 3;
        assertState(_taskId, ITaskConsensus.State.Completed, "completed is final");
        ITaskConsensus.TaskView memory task = consensus.task(_taskId);
        vm.assertTrue(task.redelivery, "awaits a replacement");
        vm.assertEq(task.uploader, _node[1]);
        vm.assertEq(task.uploadDeadline, block.timestamp + WINDOW);
        assertStatus(_node[0], INodeRegistry.Status.None, "slashed");
        vm.assertEq(token.balanceOf(address(incentivePool)), STAKE - share, "all but the bounty");
        vm.assertEq(registry.memberCount(), 2);
        assertConserved(share, "bounty is in escrow");

        upload(_taskId, SECOND);
        task = consensus.task(_taskId);
        vm.assertFalse(task.redelivery);
        vm.assertEq(consensus.balanceOf(_node[1]), 2 * share, "its share and the bounty");
        vm.assertEq(consensus.balanceOf(_node[0]), FEE - 2 * share, "what was paid is paid");
        assertConserved(0, "replaced");
    }

    function test_Fault_OfTheReplacementToo_UntilNobodyIsLeft() external {
        _agree();
        upload(_taskId, DIGEST);
        accuse(_taskId, DIGEST);
        upload(_taskId, SECOND);
        accuse(_taskId, SECOND);
        upload(_taskId, DIGEST);
        accuse(_taskId, DIGEST);
        vm.assertFalse(consensus.task(_taskId).redelivery);
        vm.assertEq(registry.memberCount(), 0);
        uint256 share = FEE / 3;
        vm.assertEq(consensus.balanceOf(creator), 1_000 ether - FEE + share, "the last bounty is the creator's");
        vm.assertEq(token.balanceOf(address(incentivePool)), 3 * (STAKE - share));
        assertConserved(0, "all slashed");
        vm.expectPartialRevert(Errors.TaskConsensus_FaultWindowClosed.selector);
        consensus.reportFault(_taskId, DIGEST, "");
    }

    function test_Fault_NobodyReplaces_TheBountyIsTheCreators() external {
        _agree();
        upload(_taskId, DIGEST);
        accuse(_taskId, DIGEST);
        vm.expectPartialRevert(Errors.TaskConsensus_NothingToAdvance.selector);
        consensus.advance(_taskId);
        _miss();
        vm.assertEq(_uploader(), _node[2]);
        vm.assertEq(registry.node(_node[1]).stakeWei, STAKE * 98 / 100, "missed its turn");
        _miss();
        vm.assertFalse(consensus.task(_taskId).redelivery);
        assertState(_taskId, ITaskConsensus.State.Completed, "completed is final");
        vm.assertEq(consensus.balanceOf(creator), 1_000 ether - FEE + FEE / 3);
        assertConserved(0, "nobody replaced");
        vm.expectPartialRevert(Errors.TaskConsensus_NothingToAdvance.selector);
        consensus.advance(_taskId);
    }

    function test_Fault_UntilOneWindowAfterTheReport() external {
        _agree();
        upload(_taskId, DIGEST);
        uint256 deadline = consensus.task(_taskId).uploadDeadline;
        bytes memory signature = fault(RELAY_KEY, _taskId, DIGEST, _node[0]);
        vm.warp(deadline + 1);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.TaskConsensus_FaultWindowClosed.selector, _taskId, deadline, deadline + 1)
        );
        consensus.reportFault(_taskId, DIGEST, signature);
        vm.warp(deadline);
        consensus.reportFault(_taskId, DIGEST, signature);
    }

    function test_Fault_WhoLeftRightAfterTheReportIsSlashed() external {
        _agree();
        upload(_taskId, DIGEST);
        vm.prank(_node[0]);
        registry.leave();
        vm.warp(consensus.task(_taskId).uploadDeadline);
        accuse(_taskId, DIGEST);
        assertStatus(_node[0], INodeRegistry.Status.None, "slashed while unbonding");
        vm.prank(_node[0]);
        vm.expectPartialRevert(Errors.NodeRegistry_WrongStatus.selector);
        registry.withdrawStake();
    }

    function test_Fault_EachFieldCounts() external {
        _agree();
        upload(_taskId, DIGEST);
        bytes[] memory wrong = new bytes[](5);
        wrong[0] = fault(0xBAD, _taskId, DIGEST, _node[0]);
        wrong[1] = fault(RELAY_KEY, keccak256("other"), DIGEST, _node[0]);
        wrong[2] = fault(RELAY_KEY, _taskId, SECOND, _node[0]);
        wrong[3] = fault(RELAY_KEY, _taskId, DIGEST, _node[1]);
        wrong[4] = receipt(RELAY_KEY, _taskId, DIGEST, 1_000, _node[0]);
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectPartialRevert(Errors.TaskConsensus_SignerWrong.selector);
            consensus.reportFault(_taskId, DIGEST, wrong[i]);
        }
    }

    function test_Fault_NotTwiceAndNotBeforeTheReport() external {
        _agree();
        vm.expectPartialRevert(Errors.TaskConsensus_WrongState.selector);
        consensus.reportFault(_taskId, DIGEST, "");
        upload(_taskId, DIGEST);
        bytes memory signature = fault(RELAY_KEY, _taskId, DIGEST, _node[0]);
        consensus.reportFault(_taskId, DIGEST, signature);
        vm.expectPartialRevert(Errors.TaskConsensus_WrongState.selector);
        consensus.reportFault(_taskId, DIGEST, signature);
        // Nor against the replacement, even if it has the same digest: the statement names the uploader.
        upload(_taskId, DIGEST);
        vm.expectPartialRevert(Errors.TaskConsensus_SignerWrong.selector);
        consensus.reportFault(_taskId, DIGEST, signature);
    }

    function test_Fault_TheBountyIsNoMoreThanTheStake() external {
        // A fee whose share is more than a stake.
        fund(creator, 10_000 ether);
        vm.prank(creator);
        consensus.deposit(10_000 ether);
        _agree();
        upload(_taskId, DIGEST);
        ITaskConsensus.TaskRequest memory request_ = request();
        request_.feeWei = 9_000 ether;
        _taskId = start(request_);
        _node = drawn(_taskId);
        _agree();
        upload(_taskId, SECOND);
        accuse(_taskId, SECOND);
        assertConserved(STAKE, "the whole stake is the bounty");
        vm.assertEq(token.balanceOf(address(incentivePool)), 0);
        upload(_taskId, DIGEST);
        assertConserved(0, "replaced");
    }

    /// @dev Slashed for an old task while another one holds it: what that one owes it is paid, and it cannot join again before.
    function test_Fault_WhileTheUploaderHoldsAnotherTask() external {
        _agree();
        upload(_taskId, DIGEST);
        bytes32 other = started();
        address cheat = _node[0];
        accuse(_taskId, DIGEST);
        vm.assertEq(registry.memberCount(), 2);
        fund(cheat, STAKE);
        vm.prank(cheat);
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_StillHeld.selector, cheat));
        registry.join(STAKE, GPU, 24, SALT, address(0));

        play(other, result(A), result(A), result(A));
        upload(other, SECOND);
        assertStatus(cheat, INodeRegistry.Status.None, "let go of, and still slashed");
        vm.prank(cheat);
        registry.join(STAKE, GPU, 24, SALT, address(0));
        assertStatus(cheat, INodeRegistry.Status.Available, "joined again");
        assertConserved(FEE / 3, "bounty is in escrow");
    }
}
