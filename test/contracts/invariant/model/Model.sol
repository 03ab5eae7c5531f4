// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Tasks} from "./Tasks.sol";

/// @title What the network should be, after everything that was done to it
/// @notice Keeps its own books. It never asks the contracts anything; the one thing it cannot know is who was drawn.
contract Model is Tasks {
    constructor(uint256 timestamp_, uint256 blockNumber_) {
        (timestamp, blockNumber) = (timestamp_, blockNumber_);
    }

    /// @notice Forgets what the last step touched.
    function beginStep() external {
        ++steps;
        touchedWallets = 0;
        touchedTask = 0;
        _forgetTouchedAccounts();
        _closeSome();
    }
}
