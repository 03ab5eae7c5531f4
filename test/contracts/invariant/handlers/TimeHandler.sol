// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Tasks} from "../model/Tasks.sol";
import {Handler, Network} from "./Handler.sol";

/// @title Time
contract TimeHandler is Handler {
    constructor(Network memory network) Handler(network) {}

    function nextBlock(uint256 seed) external step(seed) {
        MODEL.pass(_below(3), 1);
        MODEL.count("time: a block");
    }

    function someBlocks(uint256 seed) external step(seed) {
        MODEL.pass(_between(1, 30), _between(1, 15));
        MODEL.count("time: some blocks");
    }

    /// @dev To the second of a task's next deadline, to the one after, or nearly.
    function toDeadline(uint256 seed) external step(seed) {
        (bytes32 taskId,) = MODEL.pick(_word(), Tasks.Need.Time);
        if (taskId == 0) return;
        uint256 deadline = MODEL.job(taskId).deadline;
        uint256 target = deadline + _below(3);
        if (target <= MODEL.timestamp() + 1) return;
        MODEL.pass(target - 1 - MODEL.timestamp(), 1);
        MODEL.count("time: to a deadline");
    }

    /// @dev Now and then so long that a draw block is forgotten; to the last block that knows it, and to the next.
    function longAway(uint256 seed) external step(seed) {
        if (!_oneIn(4)) {
            MODEL.pass(_between(1, 300), _between(1, 20));
            MODEL.count("time: minutes");
            return;
        }
        (bytes32 taskId,) = MODEL.pick(_word(), Tasks.Need.Cancel);
        uint256 target = taskId == 0 ? MODEL.blockNumber() + 300 : MODEL.job(taskId).drawBlock + 256 + _below(2);
        if (target <= MODEL.blockNumber()) return;
        MODEL.pass(_between(1, 3_600), target - MODEL.blockNumber());
        MODEL.count("time: 256 blocks");
    }
}
