// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title How long a node can be called to account after its task let go of it
/// @notice For NodeRegistry, whose unbonding time must not be shorter.
interface IChallengeWindow {
    /// @notice Three upload windows: another's that is missed, the node's own, and the one in which its upload can be faulted.
    function longestChallengeSeconds() external view returns (uint256);
}
