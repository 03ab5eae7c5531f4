// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @dev What the owner decided, what time it is, and how often things happened.
abstract contract Rules {
    // The owner's parameters, as deployed.
    uint256 public minimumStakeWei = 400 ether;
    uint256 public unbondingSeconds = 1_800;
    uint256 public penaltyBasisPoints = 200;
    uint256 public minimumTimeout = 60;
    uint256 public maximumTimeout = 7_200;
    uint256 public revealWindow = 300;
    uint256 public uploadWindow = 600;
    uint256 public threshold = 5;
    uint256 public errorFeeBasisPoints = 2_000;
    uint256 public minimumFeeWei = 3;
    /// @dev When the owner last changed a time that stakes are held for.
    uint256 public windowsChangedAt;

    /// @dev A relay that is removed and named again is another one: what it vouched for before stays with the old entry.
    mapping(address relay => uint256 entry) public relayEntry;
    mapping(uint256 entry => bool) public relayActive;
    uint256 private _relayEntries;

    // Forge forgets a warp when a call has ended.
    uint256 public timestamp;
    uint256 public blockNumber;
    uint256 public steps;

    bytes32[] private _countNames;
    mapping(bytes32 name => uint256) public counted;
    mapping(bytes32 name => uint256) public refused;

    function pass(uint256 seconds_, uint256 blocks) external {
        timestamp += seconds_;
        blockNumber += blocks;
    }

    function count(bytes32 name) public {
        if (counted[name]++ == 0 && refused[name] == 0) _countNames.push(name);
    }

    function countRefused(bytes32 name) external {
        if (refused[name]++ == 0 && counted[name] == 0) _countNames.push(name);
    }

    function countNames() external view returns (bytes32[] memory) {
        return _countNames;
    }

    // ---- the owner

    function setMinimumStake(uint256 value) external {
        minimumStakeWei = value;
    }

    /// @dev Unbonding is never shorter than the longest challenge: three upload windows.
    function setUnbonding(uint256 value) external returns (bool allowed) {
        allowed = value >= 3 * uploadWindow;
        if (!allowed) return false;
        (unbondingSeconds, windowsChangedAt) = (value, timestamp);
    }

    function setUploadWindow(uint256 value) external returns (bool allowed) {
        allowed = 3 * value <= unbondingSeconds;
        if (!allowed) return false;
        (uploadWindow, windowsChangedAt) = (value, timestamp);
    }

    function setPenalty(uint256 value) external {
        penaltyBasisPoints = value;
    }

    function setTimeouts(uint256 minimum, uint256 maximum) external {
        (minimumTimeout, maximumTimeout) = (minimum, maximum);
    }

    function setRevealWindow(uint256 value) external {
        revealWindow = value;
    }

    function setThreshold(uint256 value) external {
        threshold = value;
    }

    function setErrorFee(uint256 value) external {
        errorFeeBasisPoints = value;
    }

    function setMinimumFee(uint256 value) external {
        minimumFeeWei = value;
    }

    function setRelay(address relay) public {
        if (relayEntry[relay] != 0) return;
        relayEntry[relay] = ++_relayEntries;
        relayActive[_relayEntries] = true;
    }

    function removeRelay(address relay) external returns (bool known) {
        known = relayEntry[relay] != 0;
        relayActive[relayEntry[relay]] = false;
        relayEntry[relay] = 0;
    }
}
