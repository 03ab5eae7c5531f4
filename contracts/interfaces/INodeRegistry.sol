// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Stake, lifecycle and pools of the nodes
/// @notice A node locks CNX, becomes available to the draw, and gets its stake back some time after it left.
/// Amounts are in wei of CNX, times in seconds.
interface INodeRegistry {
    /// @notice Where a node is in its life. A node is in exactly one status.
    enum Status {
        None, // never joined, withdrawn or slashed
        Available, // may be drawn
        Busy, // holds a task
        Paused, // may not be drawn
        PausePending, // busy; paused when its task lets go of it
        LeavePending, // busy; begins unbonding when its task lets go of it
        Unbonding // waits for its stake, still liable for what it did
    }

    /// @notice Everything about one node.
    struct NodeView {
        Status status;
        uint256 stakeWei;
        bytes32 gpuModel;
        uint32 vramGb;
        bytes32 encryptionKey;
        address beneficiary; // where earnings and returned stake go now
        address pendingBeneficiary; // zero when no change is waiting
        uint64 beneficiaryChangeAt;
        uint64 unbondingEndsAt; // zero unless Unbonding
    }

    /// @notice A node locked its stake and may be drawn.
    event NodeJoined(
        address indexed node,
        uint256 stakeWei,
        bytes32 gpuModel,
        uint32 vramGb,
        bytes32 encryptionKey,
        address beneficiary
    );
    /// @notice A node added to its stake, which is `stakeWei` now.
    event StakeIncreased(address indexed node, uint256 amountWei, uint256 stakeWei);
    /// @notice A node may not be drawn any more, by its own wish or after a penalty.
    event NodePaused(address indexed node);
    /// @notice A node may be drawn again, or took back a pending pause or leave.
    event NodeResumed(address indexed node);
    /// @notice A node began unbonding, which ends at `unbondingEndsAt` (Unix seconds) at the earliest.
    event NodeLeaving(address indexed node, uint256 unbondingEndsAt);
    /// @notice A node got its stake back and is forgotten.
    event StakeWithdrawn(address indexed node, address indexed to, uint256 amountWei);
    /// @notice Arguments are to be sealed for another key of the node.
    event EncryptionKeyChanged(address indexed node, bytes32 encryptionKey);
    /// @notice A node computes with something else now.
    event HardwareChanged(address indexed node, bytes32 gpuModel, uint32 vramGb);
    /// @notice Earnings and stake go to `beneficiary` from `effectiveAt` (Unix seconds) on.
    event BeneficiaryChangeRequested(address indexed node, address beneficiary, uint256 effectiveAt);
    /// @notice A node lost `amountWei`; `stakeWei` is left.
    event NodePenalised(address indexed node, uint256 amountWei, uint256 stakeWei);
    /// @notice A node lost its whole stake and is no member any more.
    event NodeSlashed(address indexed node, uint256 amountWei);

    /// @notice Locks `stakeWei` (at least the minimum; needs an allowance) and makes the caller available.
    function join(uint256 stakeWei, bytes32 gpuModel, uint32 vramGb, bytes32 encryptionKey, address beneficiary)
        external;

    /// @notice `join` with an EIP-2612 permit of the caller for the stake instead of an earlier allowance.
    /// @param permitDeadline Until when the permit may be used (Unix seconds).
    function joinWithPermit(
        uint256 stakeWei,
        bytes32 gpuModel,
        uint32 vramGb,
        bytes32 encryptionKey,
        address beneficiary,
        uint256 permitDeadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;

    /// @notice Adds to the caller's stake (needs an allowance).
    function increaseStake(uint256 amountWei) external;

    /// @notice `increaseStake` with an EIP-2612 permit of the caller.
    function increaseStakeWithPermit(uint256 amountWei, uint256 permitDeadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Takes the caller out of the draw; while busy, as soon as its task lets go of it.
    function pause() external;

    /// @notice Puts the caller back into the draw, or cancels a pending pause or leave.
    function resume() external;

    /// @notice Begins unbonding of the caller; while busy, as soon as its task lets go of it.
    function leave() external;

    /// @notice After unbonding: returns the stake of the caller to its beneficiary and forgets the node.
    function withdrawStake() external;

    /// @notice Changes the X25519 key to which arguments are sealed for the caller. Not while busy or unbonding.
    function setEncryptionKey(bytes32 encryptionKey) external;

    /// @notice Changes what the caller computes with. Not while busy or unbonding; once in each unbonding period.
    function setHardware(bytes32 gpuModel, uint32 vramGb) external;

    /// @notice Names where earnings and stake of the caller go. Takes effect after one unbonding period; zero means the node itself.
    function setBeneficiary(address beneficiary) external;

    /// @notice Everything about a node now; all zero for None.
    function node(address wallet) external view returns (NodeView memory);

    /// @notice How many nodes could be drawn now for such a task. `gpuModel` zero: the largest same-GPU group that is free.
    function availableCount(bool sameGpu, uint32 minVramGb, bytes32 gpuModel) external view returns (uint256);

    /// @notice Number of nodes that are members (any status but None and Unbonding).
    function memberCount() external view returns (uint256);

    /// @notice The stake needed to join, in wei.
    function minimumStakeWei() external view returns (uint256);
    /// @notice From leaving to the return of the stake, at least.
    function unbondingSeconds() external view returns (uint256);
    /// @notice The penalty for silence, in hundredths of a percent of the stake.
    function penaltyBasisPoints() external view returns (uint256);
}
