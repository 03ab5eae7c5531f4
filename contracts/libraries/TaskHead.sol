// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ITaskConsensus} from "../interfaces/ITaskConsensus.sol";

/// @notice All that changes while a task runs, in one storage word that is read once and written once in every step.
///
/// | bits    | what                                                                                                   |
/// |---------|--------------------------------------------------------------------------------------------------------|
/// | 0–7     | state                                                                                                  |
/// | 8–15    | reason of an abort                                                                                     |
/// | 16–23   | kind                                                                                                   |
/// | 24–31   | number of images                                                                                       |
/// | 32–47   | number of the relay                                                                                    |
/// | 48–63   | VRAM needed, GB                                                                                        |
/// | 64–79   | execution timeout, seconds                                                                             |
/// | 80–175  | fee, wei                                                                                               |
/// | 176–215 | deadline. Queued: the draw block. Started, Revealing, AwaitingUpload: the end of that. Completed: the  |
/// |         | end of the time for faults or, while a replacement is awaited, for that                                |
/// | 216–218 | which slots committed                                                                                  |
/// | 219–221 | which slots revealed                                                                                   |
/// | 222–227 | what the slots revealed, 2 bits each                                                                   |
/// | 228–233 | which slot committed first, second, third, 2 bits each                                                 |
/// | 234–236 | which slots are of the majority                                                                        |
/// | 237–238 | which slot is to upload, or did                                                                        |
/// | 239–250 | reveal window, seconds                                                                                 |
/// | 251     | whether a GPU model is asked for, which the task then names                                            |
/// | 252–255 | Hamming threshold less one, bits                                                                       |
type Head is uint256;

using TaskHead for Head global;

/// @title The fields of a Head, and the steps that change them
library TaskHead {
    /// @notice No slot.
    uint256 internal constant NONE = 3;

    uint256 private constant _FEE = 80;
    uint256 private constant _DEADLINE = 176;
    uint256 private constant _COMMITTED = 216;
    uint256 private constant _REVEALED = 219;
    uint256 private constant _OUTCOMES = 222;
    uint256 private constant _ORDER = 228;
    uint256 private constant _AGREED = 234;
    uint256 private constant _UPLOADER = 237;
    uint256 private constant _REVEAL_WINDOW = 239;
    uint256 private constant _NAMES_GPU = 251;
    uint256 private constant _THRESHOLD = 252;

    // ---- steps; each gives the head after it

    /// @param relay Number of the relay.
    /// @param drawBlock The block whose hash decides who is drawn.
    /// @param revealWindowSeconds_ The present reveal window, which stays this task's.
    /// @param hammingThreshold_ 1…16. Likewise.
    function queued(
        ITaskConsensus.TaskRequest calldata request,
        uint256 relay,
        uint256 drawBlock,
        uint256 revealWindowSeconds_,
        uint256 hammingThreshold_
    ) internal pure returns (Head) {
        return Head.wrap(
            uint256(ITaskConsensus.State.Queued) | (uint256(request.kind) << 16) | (uint256(request.imageCount) << 24)
                | (relay << 32) | (uint256(request.minVramGb) << 48) | (uint256(request.executionTimeoutSeconds) << 64)
                | (request.feeWei << _FEE) | (drawBlock << _DEADLINE) | (revealWindowSeconds_ << _REVEAL_WINDOW)
                | (request.gpuModel == 0 ? 0 : 1 << _NAMES_GPU) | ((hammingThreshold_ - 1) << _THRESHOLD)
        );
    }

    function withState(Head head, ITaskConsensus.State state_) internal pure returns (Head) {
        return _with(head, 0, 0xff, uint256(state_));
    }

    function withAbort(Head head, ITaskConsensus.AbortReason reason) internal pure returns (Head) {
        return _with(withState(head, ITaskConsensus.State.Aborted), 8, 0xff, uint256(reason));
    }

    function withDeadline(Head head, uint256 deadline_) internal pure returns (Head) {
        return _with(head, _DEADLINE, type(uint40).max, deadline_);
    }

    function withCommit(Head head, uint256 slot) internal pure returns (Head) {
        unchecked {
            uint256 place = _ORDER + 2 * commits(head);
            return Head.wrap(Head.unwrap(head) | (slot << place) | (1 << (_COMMITTED + slot)));
        }
    }

    function withReveal(Head head, uint256 slot, uint256 outcome_) internal pure returns (Head) {
        unchecked {
            return Head.wrap(Head.unwrap(head) | (outcome_ << (_OUTCOMES + 2 * slot)) | (1 << (_REVEALED + slot)));
        }
    }

    function withAgreed(Head head, uint256 slot) internal pure returns (Head) {
        unchecked {
            return Head.wrap(Head.unwrap(head) | (1 << (_AGREED + slot)));
        }
    }

    function withUploader(Head head, uint256 slot) internal pure returns (Head) {
        return _with(head, _UPLOADER, 3, slot);
    }

    // ---- fields

    /// @notice Whether there is no such task.
    function isNone(Head head) internal pure returns (bool) {
        return Head.unwrap(head) == 0;
    }

    function state(Head head) internal pure returns (ITaskConsensus.State) {
        return ITaskConsensus.State(uint8(Head.unwrap(head)));
    }

    function abortReason(Head head) internal pure returns (ITaskConsensus.AbortReason) {
        return ITaskConsensus.AbortReason(uint8(Head.unwrap(head) >> 8));
    }

    function kind(Head head) internal pure returns (ITaskConsensus.Kind) {
        return ITaskConsensus.Kind(uint8(Head.unwrap(head) >> 16));
    }

    function imageCount(Head head) internal pure returns (uint8) {
        return uint8(Head.unwrap(head) >> 24);
    }

    function relayId(Head head) internal pure returns (uint16) {
        return uint16(Head.unwrap(head) >> 32);
    }

    function minVramGb(Head head) internal pure returns (uint16) {
        return uint16(Head.unwrap(head) >> 48);
    }

    function executionTimeoutSeconds(Head head) internal pure returns (uint16) {
        return uint16(Head.unwrap(head) >> 64);
    }

    function feeWei(Head head) internal pure returns (uint256) {
        return uint96(Head.unwrap(head) >> _FEE);
    }

    function revealWindowSeconds(Head head) internal pure returns (uint256) {
        return (Head.unwrap(head) >> _REVEAL_WINDOW) & 0xfff;
    }

    function hammingThreshold(Head head) internal pure returns (uint256) {
        unchecked {
            return (Head.unwrap(head) >> _THRESHOLD) + 1;
        }
    }

    function namesGpuModel(Head head) internal pure returns (bool) {
        return _bit(head, _NAMES_GPU, 0);
    }

    /// @notice Whether three nodes were drawn. A task that was cancelled had none.
    function drawn(Head head) internal pure returns (bool) {
        return state(head) > ITaskConsensus.State.Queued && abortReason(head) != ITaskConsensus.AbortReason.Cancelled;
    }

    function deadline(Head head) internal pure returns (uint40) {
        return uint40(Head.unwrap(head) >> _DEADLINE);
    }

    function committed(Head head, uint256 slot) internal pure returns (bool) {
        return _bit(head, _COMMITTED, slot);
    }

    function commits(Head head) internal pure returns (uint256) {
        return _ones(Head.unwrap(head) >> _COMMITTED);
    }

    function revealed(Head head, uint256 slot) internal pure returns (bool) {
        return _bit(head, _REVEALED, slot);
    }

    function reveals(Head head) internal pure returns (uint256) {
        return _ones(Head.unwrap(head) >> _REVEALED);
    }

    function outcome(Head head, uint256 slot) internal pure returns (uint8) {
        return uint8(_pair(head, _OUTCOMES, slot));
    }

    function agreed(Head head, uint256 slot) internal pure returns (bool) {
        return _bit(head, _AGREED, slot);
    }

    /// @notice How many are of the majority.
    function agreeing(Head head) internal pure returns (uint256) {
        return _ones(Head.unwrap(head) >> _AGREED);
    }

    function uploader(Head head) internal pure returns (uint256) {
        return (Head.unwrap(head) >> _UPLOADER) & 3;
    }

    /// @notice The slot of the majority that committed first.
    function firstAgreed(Head head) internal pure returns (uint256) {
        return _agreedFrom(head, 0);
    }

    /// @notice The slot of the majority that committed next after `slot`, or NONE.
    function nextAgreed(Head head, uint256 slot) internal pure returns (uint256) {
        uint256 place;
        while (_committer(head, place) != slot) ++place;
        return _agreedFrom(head, place + 1);
    }

    function _agreedFrom(Head head, uint256 place) private pure returns (uint256) {
        uint256 count = commits(head);
        for (; place < count; ++place) {
            uint256 slot = _committer(head, place);
            if (agreed(head, slot)) return slot;
        }
        return NONE;
    }

    function _committer(Head head, uint256 place) private pure returns (uint256) {
        return _pair(head, _ORDER, place);
    }

    function _with(Head head, uint256 offset, uint256 mask, uint256 value) private pure returns (Head) {
        return Head.wrap((Head.unwrap(head) & ~(mask << offset)) | (value << offset));
    }

    // Slots and places are below 4: none of the sums here can overflow.

    function _bit(Head head, uint256 offset, uint256 slot) private pure returns (bool) {
        unchecked {
            return (Head.unwrap(head) >> (offset + slot)) & 1 != 0;
        }
    }

    function _pair(Head head, uint256 offset, uint256 slot) private pure returns (uint256) {
        unchecked {
            return (Head.unwrap(head) >> (offset + 2 * slot)) & 3;
        }
    }

    /// @dev Number of ones in the three rightmost bits.
    function _ones(uint256 bits) private pure returns (uint256) {
        unchecked {
            return (bits & 1) + ((bits >> 1) & 1) + ((bits >> 2) & 1);
        }
    }
}
