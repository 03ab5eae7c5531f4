// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ITaskConsensus} from "../interfaces/ITaskConsensus.sol";

/// @title All that changes while a task runs, in one storage word
/// @notice Unpacked once when a transaction begins, packed once when it ends: field by field in storage the same costs
/// several thousand gas more in every step of a task.
library TaskHead {
    struct Head {
        ITaskConsensus.State state;
        ITaskConsensus.AbortReason abortReason;
        ITaskConsensus.Kind kind;
        uint8 imageCount;
        uint16 relayId;
        uint16 minVramGb;
        uint16 executionTimeoutSeconds;
        uint32 node0;
        uint32 node1;
        uint32 node2;
        // Queued: the draw block. Started, Revealing, AwaitingUpload: the end of that. Completed: the end of the time for
        // faults or, while a replacement is awaited, for that.
        uint40 deadline;
        uint8 spoken; // bit i: slot i committed; bit i + 4: slot i revealed
        uint8 outcomes; // two bits for each slot
        uint8 order; // two bits for each commit, the first rightmost: which slot
        uint8 agreed; // bit i: slot i is of the majority; bits 4 and 5: the slot that is to upload, or did
    }

    function pack(Head memory head) internal pure returns (uint256 word) {
        word = uint256(head.state) | (uint256(head.abortReason) << 8) | (uint256(head.kind) << 16)
            | (uint256(head.imageCount) << 24);
        word |= (uint256(head.relayId) << 32) | (uint256(head.minVramGb) << 48)
            | (uint256(head.executionTimeoutSeconds) << 64);
        word |= (uint256(head.node0) << 80) | (uint256(head.node1) << 112) | (uint256(head.node2) << 144);
        word |= (uint256(head.deadline) << 176) | (uint256(head.spoken) << 216) | (uint256(head.outcomes) << 224)
            | (uint256(head.order) << 232) | (uint256(head.agreed) << 240);
    }

    function unpack(uint256 word) internal pure returns (Head memory head) {
        head.state = ITaskConsensus.State(uint8(word));
        head.abortReason = ITaskConsensus.AbortReason(uint8(word >> 8));
        head.kind = ITaskConsensus.Kind(uint8(word >> 16));
        head.imageCount = uint8(word >> 24);
        head.relayId = uint16(word >> 32);
        head.minVramGb = uint16(word >> 48);
        head.executionTimeoutSeconds = uint16(word >> 64);
        head.node0 = uint32(word >> 80);
        head.node1 = uint32(word >> 112);
        head.node2 = uint32(word >> 144);
        head.deadline = uint40(word >> 176);
        head.spoken = uint8(word >> 216);
        head.outcomes = uint8(word >> 224);
        head.order = uint8(word >> 232);
        head.agreed = uint8(word >> 240);
    }
}
