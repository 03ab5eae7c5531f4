// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {INodeRegistry} from "../../contracts/interfaces/INodeRegistry.sol";
import {ITaskConsensus} from "../../contracts/interfaces/ITaskConsensus.sol";
import {NetworkTest} from "./base/NetworkTest.sol";

/// @notice Protocol §5, row by row for both kinds, and then every combination of what three nodes can do.
contract OutcomeTableTest is NetworkTest {
    bool private _text;
    bytes32 private _taskId;
    address[3] private _node;

    /// @dev Runs the test's body for pictures, and then for text.
    modifier bothKinds() {
        uint256 snapshot = vm.snapshotState();
        _;
        vm.revertToState(snapshot);
        _text = true;
        A = abi.encode(keccak256("A"));
        B = abi.encode(keccak256("B"));
        C = abi.encode(keccak256("C"));
        _;
    }

    function setUp() public override {
        super.setUp();
        addNodes(3);
    }

    function _begin() private {
        _taskId = start(_text ? textRequest() : request());
        _node = drawn(_taskId);
    }

    function _play(Move memory a, Move memory b, Move memory c) private {
        _begin();
        play(_taskId, a, b, c);
    }

    function _assertPaid(uint256 a, uint256 b, uint256 c) private view {
        vm.assertEq(consensus.balanceOf(_node[0]), a, "first is paid");
        vm.assertEq(consensus.balanceOf(_node[1]), b, "second is paid");
        vm.assertEq(consensus.balanceOf(_node[2]), c, "third is paid");
    }

    function _assertSlashed(uint256 slot) private view {
        assertStatus(_node[slot], INodeRegistry.Status.None, "slashed");
        vm.assertEq(registry.node(_node[slot]).stakeWei, 0, "stake is gone");
        vm.assertEq(token.balanceOf(address(incentivePool)), STAKE, "stake is in the incentive pool");
        vm.assertEq(registry.memberCount(), 2, "out of the pools");
    }

    function _assertPenalised(uint256 slot) private view {
        assertStatus(_node[slot], INodeRegistry.Status.Paused, "penalised");
        vm.assertEq(registry.node(_node[slot]).stakeWei, STAKE * 98 / 100, "two percent");
    }

    function _assertFree(uint256 slot) private view {
        assertStatus(_node[slot], INodeRegistry.Status.Available, "free");
        vm.assertEq(registry.node(_node[slot]).stakeWei, STAKE, "whole stake");
    }

    function _assertRefunded(uint256 feePartWei) private view {
        vm.assertEq(consensus.balanceOf(creator), 1_000 ether - FEE + feePartWei, "refund");
        assertConserved(0, "aborted");
    }

    // ---- the task succeeds

    function test_AAA_ThreeShares_DustToTheUploader() external bothKinds {
        _play(result(A), result(A), result(A));
        _assertPaid(0, FEE / 3, FEE / 3);
        upload(_taskId, "digest");
        _assertPaid(FEE - 2 * (FEE / 3), FEE / 3, FEE / 3);
        for (uint256 i = 0; i < 3; ++i) {
            _assertFree(i);
        }
        assertConserved(0, "completed");
    }

    function test_AAB_TwoShares_BSlashed() external bothKinds {
        _play(result(A), result(A), result(B));
        _assertPaid(0, FEE / 2, 0);
        upload(_taskId, "digest");
        _assertPaid(FEE - FEE / 2, FEE / 2, 0);
        _assertSlashed(2);
        _assertFree(0);
        _assertFree(1);
        assertConserved(0, "completed");
    }

    function test_BAA_TheFirstToCommitIsNotTheUploaderWhenItCheated() external bothKinds {
        _play(result(B), result(A), result(A));
        vm.assertEq(consensus.task(_taskId).uploader, _node[1], "first of those who agree");
        upload(_taskId, "digest");
        _assertPaid(0, FEE - FEE / 2, FEE / 2);
        _assertSlashed(0);
    }

    function test_ABA_ReverseOrder_TheLastSlotUploads() external bothKinds {
        _begin();
        play(_taskId, [result(A), result(B), result(A)], [2, 1, 0]);
        vm.assertEq(consensus.task(_taskId).uploader, _node[2], "committed first");
        _assertPaid(FEE / 2, 0, 0);
        _assertSlashed(1);
    }

    function test_AASilent_NoCommit_Penalised() external bothKinds {
        _play(result(A), result(A), silent());
        upload(_taskId, "digest");
        _assertPaid(FEE - FEE / 2, FEE / 2, 0);
        _assertPenalised(2);
        vm.assertEq(token.balanceOf(address(incentivePool)), STAKE * 2 / 100, "penalty is in the incentive pool");
        assertConserved(0, "completed");
    }

    function test_SilentAA_NoReveal_Penalised() external bothKinds {
        _play(mute(A), result(A), result(A));
        upload(_taskId, "digest");
        _assertPaid(0, FEE - FEE / 2, FEE / 2);
        _assertPenalised(0);
        assertConserved(0, "completed");
    }

    function test_AAE1_InvalidArgumentsIsALie() external bothKinds {
        _play(result(A), result(A), failure(1));
        upload(_taskId, "digest");
        _assertPaid(FEE - FEE / 2, FEE / 2, 0);
        _assertSlashed(2);
    }

    function test_E2AA_NetworkErrorIsBadLuck() external bothKinds {
        _play(failure(2), result(A), result(A));
        upload(_taskId, "digest");
        _assertPaid(0, FEE - FEE / 2, FEE / 2);
        _assertFree(0);
    }

    function test_AE3A_NetworkErrorIsBadLuck() external bothKinds {
        _play(result(A), failure(3), result(A));
        upload(_taskId, "digest");
        _assertPaid(FEE - FEE / 2, 0, FEE / 2);
        _assertFree(1);
    }

    // ---- the task is aborted, nobody is paid

    function test_ABC_NoAgreement() external bothKinds {
        _play(result(A), result(B), result(C));
        assertAborted(_taskId, ITaskConsensus.AbortReason.NoAgreement, "ABC");
        _assertPaid(0, 0, 0);
        for (uint256 i = 0; i < 3; ++i) {
            _assertFree(i);
        }
        _assertRefunded(FEE);
    }

    function test_ABSilent_NoAgreement() external bothKinds {
        _play(result(A), result(B), silent());
        assertAborted(_taskId, ITaskConsensus.AbortReason.NoAgreement, "AB-");
        _assertFree(0);
        _assertFree(1);
        _assertPenalised(2);
        _assertRefunded(FEE);
    }

    function test_ASilentSilent_NoReveals() external bothKinds {
        _play(result(A), mute(A), mute(A));
        assertAborted(_taskId, ITaskConsensus.AbortReason.NotEnoughReveals, "A--");
        _assertFree(0);
        _assertPenalised(1);
        _assertPenalised(2);
        _assertRefunded(FEE);
    }

    function test_ASilentSilent_NoCommits_TheOneWhoCouldNotRevealIsNotSilent() external bothKinds {
        _play(silent(), result(A), silent());
        assertAborted(_taskId, ITaskConsensus.AbortReason.NotEnoughReveals, "-A-");
        _assertPenalised(0);
        _assertFree(1);
        _assertPenalised(2);
        _assertRefunded(FEE);
    }

    function test_AllSilent() external bothKinds {
        _play(silent(), silent(), silent());
        assertAborted(_taskId, ITaskConsensus.AbortReason.NotEnoughReveals, "---");
        for (uint256 i = 0; i < 3; ++i) {
            _assertPenalised(i);
        }
        _assertRefunded(FEE);
    }

    function test_AllCommitNobodyReveals() external bothKinds {
        _play(mute(A), mute(A), mute(A));
        assertAborted(_taskId, ITaskConsensus.AbortReason.NotEnoughReveals, "(A)(A)(A)");
        for (uint256 i = 0; i < 3; ++i) {
            _assertPenalised(i);
        }
        _assertRefunded(FEE);
    }

    function test_DifferentErrors_NoAgreement() external bothKinds {
        _play(failure(1), failure(2), failure(3));
        assertAborted(_taskId, ITaskConsensus.AbortReason.NoAgreement, "E1 E2 E3");
        _assertRefunded(FEE);
    }

    // ---- the task is aborted with an agreed error: a fifth of the fee for those who agree

    function _assertErrorAgreed(uint8 error_, uint256 shareWei, uint256 reporters) private view {
        assertAborted(
            _taskId,
            error_ == 1
                ? ITaskConsensus.AbortReason.InvalidArguments
                : error_ == 2
                    ? ITaskConsensus.AbortReason.ArgumentsUnavailable
                    : ITaskConsensus.AbortReason.ModelUnavailable,
            "agreed error"
        );
        _assertRefunded(FEE - reporters * shareWei);
    }

    function test_EEE() external bothKinds {
        for (uint8 error_ = 1; error_ <= 3; ++error_) {
            uint256 snapshot = vm.snapshotState();
            _play(failure(error_), failure(error_), failure(error_));
            uint256 share = FEE / 5 / 3;
            _assertPaid(share, share, share);
            _assertErrorAgreed(error_, share, 3);
            vm.revertToState(snapshot);
        }
    }

    function test_EESilent() external bothKinds {
        for (uint8 error_ = 1; error_ <= 3; ++error_) {
            uint256 snapshot = vm.snapshotState();
            _play(failure(error_), silent(), failure(error_));
            _assertPaid(FEE / 5 / 2, 0, FEE / 5 / 2);
            _assertPenalised(1);
            _assertErrorAgreed(error_, FEE / 5 / 2, 2);
            vm.revertToState(snapshot);
        }
    }

    function test_EEA_AResultOfInvalidArgumentsIsALie() external bothKinds {
        _play(failure(1), failure(1), result(A));
        _assertPaid(FEE / 5 / 2, FEE / 5 / 2, 0);
        _assertSlashed(2);
        _assertErrorAgreed(1, FEE / 5 / 2, 2);
    }

    function test_AEE_NetworkErrors_TheOneWithAResultIsFreed() external bothKinds {
        for (uint8 error_ = 2; error_ <= 3; ++error_) {
            uint256 snapshot = vm.snapshotState();
            _play(result(A), failure(error_), failure(error_));
            _assertPaid(0, FEE / 5 / 2, FEE / 5 / 2);
            _assertFree(0);
            _assertErrorAgreed(error_, FEE / 5 / 2, 2);
            vm.revertToState(snapshot);
        }
    }

    // ---- every combination

    /// @dev What a node can do: 0–2 result A, B, C; 3–5 error 1–3; 6 commits and never reveals; 7 nothing.
    function _move(uint256 letter) private view returns (Move memory) {
        if (letter == 0) return result(A);
        if (letter == 1) return result(B);
        if (letter == 2) return result(C);
        if (letter <= 5) return failure(uint8(letter - 2));
        return letter == 6 ? mute(A) : silent();
    }

    /// @dev Told by counting, which is another way than the contract's.
    function _checkCombination(uint256[3] memory letters) private {
        uint256[8] memory votes;
        for (uint256 i = 0; i < 3; ++i) {
            ++votes[letters[i]];
        }
        bool opened = votes[7] < 2;
        uint256 majority = 8;
        for (uint256 letter = 0; letter <= 5; ++letter) {
            if (opened && votes[letter] >= 2) majority = letter;
        }
        uint256 count = majority < 8 ? votes[majority] : 0;

        _begin();
        string memory name = string.concat(vm.toString(letters[0]), vm.toString(letters[1]), vm.toString(letters[2]));
        play(_taskId, _move(letters[0]), _move(letters[1]), _move(letters[2]));
        if (majority <= 2) {
            assertState(_taskId, ITaskConsensus.State.AwaitingUpload, name);
            upload(_taskId, "digest");
            assertState(_taskId, ITaskConsensus.State.Completed, name);
        } else {
            assertState(_taskId, ITaskConsensus.State.Aborted, name);
        }
        uint256 potWei = majority <= 2 ? FEE : majority <= 5 ? FEE / 5 : 0;
        uint256 paidWei;
        for (uint256 i = 0; i < 3; ++i) {
            uint256 letter = letters[i];
            uint256 balanceWei = consensus.balanceOf(_node[i]);
            paidWei += balanceWei;
            bool agrees = letter == majority;
            bool isSilent = letter == 7 || (letter == 6 && opened);
            bool cheats = !agrees && ((majority <= 2 && letter <= 3) || (majority == 3 && letter <= 2));
            vm.assertTrue(agrees ? balanceWei >= potWei / count : balanceWei == 0, name);
            assertStatus(
                _node[i],
                isSilent
                    ? INodeRegistry.Status.Paused
                    : cheats ? INodeRegistry.Status.None : INodeRegistry.Status.Available,
                name
            );
            vm.assertEq(registry.node(_node[i]).stakeWei, cheats ? 0 : isSilent ? STAKE * 98 / 100 : STAKE, name);
        }
        vm.assertTrue(majority <= 2 ? paidWei == FEE : paidWei <= potWei && paidWei + 3 > potWei, name);
        vm.assertEq(consensus.balanceOf(creator), 1_000 ether - paidWei, name);
        assertConserved(0, name);
    }

    function _checkAll() private {
        for (uint256 i = 0; i < 512; ++i) {
            uint256 snapshot = vm.snapshotState();
            _checkCombination([i & 7, (i >> 3) & 7, i >> 6]);
            vm.revertToState(snapshot);
        }
    }

    function test_EveryCombination_Image() external {
        _checkAll();
    }

    function test_EveryCombination_Text() external {
        _text = true;
        A = abi.encode(keccak256("A"));
        B = abi.encode(keccak256("B"));
        C = abi.encode(keccak256("C"));
        _checkAll();
    }

    // ---- near enough

    /// @dev `score` with that many bits flipped from the right.
    function _flipped(bytes memory score, uint256 bits) private pure returns (bytes memory flipped) {
        flipped = bytes.concat(bytes8(bytes8(score) ^ bytes8(uint64((1 << bits) - 1))));
    }

    function test_FourBitsAgree_FiveDoNot() external {
        uint256 snapshot = vm.snapshotState();
        _play(result(A), result(_flipped(A, 4)), silent());
        assertState(_taskId, ITaskConsensus.State.AwaitingUpload, "4 bits");
        vm.revertToState(snapshot);
        _play(result(A), result(_flipped(A, 5)), silent());
        assertState(_taskId, ITaskConsensus.State.Aborted, "5 bits");
    }

    function test_TextAgreesByEqualityOnly() external {
        _text = true;
        bytes32 a = keccak256("A");
        _play(result(abi.encode(a)), result(abi.encode(uint256(a) ^ 1)), silent());
        assertState(_taskId, ITaskConsensus.State.Aborted, "one bit of text");
    }

    /// @dev 0 and 2 are 6 bits apart, 1 is 3 bits from both.
    function test_TheOneInTheMiddleJoinsAllThree() external {
        bytes memory middle = _flipped(A, 3);
        bytes memory far = _flipped(A, 6);
        _play(result(A), result(middle), result(far));
        upload(_taskId, "digest");
        _assertPaid(FEE - 2 * (FEE / 3), FEE / 3, FEE / 3);
    }

    function test_EachBlockOfAScoreCounts() external {
        for (uint8 images = 1; images <= 10; ++images) {
            for (uint256 wrong = 0; wrong < images; ++wrong) {
                uint256 snapshot = vm.snapshotState();
                bytes memory good;
                bytes memory bad;
                for (uint256 i = 0; i < images; ++i) {
                    bytes8 block_ = bytes8(keccak256(abi.encode(i)));
                    good = bytes.concat(good, block_);
                    bad = bytes.concat(bad, i == wrong ? bytes8(~block_) : block_);
                }
                ITaskConsensus.TaskRequest memory request_ = request();
                request_.imageCount = images;
                _taskId = start(request_);
                _node = drawn(_taskId);
                play(_taskId, result(good), result(bad), result(good));
                vm.assertEq(consensus.task(_taskId).slots[1].score, bad);
                vm.assertEq(consensus.task(_taskId).slots[2].score, good);
                _assertSlashed(1);
                vm.revertToState(snapshot);
            }
        }
    }

    function test_TheOwnersThresholdCounts() external {
        consensus.setHammingThreshold(1);
        _play(result(A), result(_flipped(A, 1)), silent());
        assertState(_taskId, ITaskConsensus.State.Aborted, "1 bit with threshold 1");
    }
}
