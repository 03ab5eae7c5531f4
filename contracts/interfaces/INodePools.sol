// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title What TaskConsensus asks of NodeRegistry
/// @notice Only TaskConsensus may call what changes anything here.
interface INodePools {
    /// @notice What to do with a node.
    enum Action {
        None,
        Free, // its task lets go of it
        FreeAndPenalise, // its task lets go of it; penalty, and paused
        Penalise, // penalty, and paused; its task let go of it before
        FreeAndSlash // its task lets go of it; whole stake taken, removed
    }

    /// @notice What a task asks of its draw.
    struct Draw {
        bytes32 seed; // decides who is drawn
        uint48 drawBlock; // whose hash made the seed: later members are drawn only where there are too few others
        uint40 layout; // what `layout` said in that block
        bool sameGpu; // three of one GPU model: `gpuModel`, or any where that is zero
        uint16 minVramGb;
        bytes32 gpuModel;
    }

    /// @notice Takes three distinct available nodes. Reverts with TooFewNodes where there are not three.
    /// @return wallets Who was drawn; they are busy from now on.
    function draw(Draw calldata request) external returns (address[3] memory wallets);

    /// @notice How the places of the pools are laid out now: five bits for each VRAM tier, the lowest tier rightmost, 0 for no places and
    /// n for 2^(n − 1).
    /// @dev For a draw whose seed is not known yet: who joins later cannot turn that draw over by making a pool larger.
    function layout() external view returns (uint40);

    /// @notice Acts on the three nodes of a task.
    /// @return beneficiaries Where their earnings go now; zero for those on whom nothing is done.
    function settle(address[3] calldata wallets, Action[3] calldata actions)
        external
        returns (address[3] memory beneficiaries);

    /// @notice Acts on one node.
    /// @return beneficiary Where its earnings go now.
    function settleOne(address wallet, Action action) external returns (address beneficiary);

    /// @notice Slashes one node whose task let go of it before; up to `bountyWei` of its stake goes to the caller instead
    /// of the IncentivePool.
    /// @return paidWei How much of the bounty the stake could pay.
    function slashForBounty(address wallet, uint256 bountyWei) external returns (uint256 paidWei);

    /// @notice Keeps the stake of a node, also one that is leaving, until `until` (Unix seconds).
    /// @return held False when there is no stake any more.
    function holdStake(address wallet, uint256 until) external returns (bool held);

    /// @notice The only contract that may call what changes anything here.
    function CONSENSUS() external view returns (address);

    /// @notice From leaving to the return of the stake, at least.
    function unbondingSeconds() external view returns (uint256);
}
