// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Tasks} from "../model/Tasks.sol";
import {Handler, Network} from "./Handler.sol";

/// @title Time
contract TimeHandler is Handler {
    constructor(Network memory network) Handler(network) {}

    function nextBlock(uint256 seed) external step(seed) {
        _pass(_below(3), 1);
        MODEL.count("time: a block");
    }

    function later(uint256 seed) external step(seed) {
        uint256 which = _below(16);
        if (which < 8) {
            _pass(_between(1, 30), _between(1, 15));
            MODEL.count("time: some blocks");
        } else if (which < 13) {
            _toDeadline();
        } else if (which < 15) {
            _pass(_between(1, 300), _between(1, 20));
            MODEL.count("time: minutes");
        } else {
            _untilForgotten();
        }
    }

    /// @dev To the last second of what a task waits for, to the one before or after.
    function _toDeadline() private {
        (bytes32 taskId,) = MODEL.pick(_word(), Tasks.Need.Time);
        if (taskId == 0) return;
        uint256 target = MODEL.job(taskId).deadline + _below(3);
        if (target <= MODEL.timestamp() + 1) return;
        _pass(target - 1 - MODEL.timestamp(), 1);
        MODEL.count("time: to a deadline");
    }

    /// @dev To the last block that knows a draw block's hash, or to the next.
    function _untilForgotten() private {
        (bytes32 taskId,) = MODEL.pick(_word(), Tasks.Need.Cancel);
        uint256 target = taskId == 0 ? MODEL.blockNumber() + 300 : MODEL.job(taskId).drawBlock + 256 + _below(2);
        if (target <= MODEL.blockNumber()) return;
        _pass(_between(1, 600), target - MODEL.blockNumber());
        MODEL.count("time: 256 blocks");
    }
}
