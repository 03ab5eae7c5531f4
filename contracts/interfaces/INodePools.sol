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

    /// @notice Takes three distinct available nodes. Reverts with TooFewNodes where there are not three.
    /// @param seed Decides who is drawn.
    /// @param sameGpu Three of one GPU model: `gpuModel`, or any where that is zero.
    function draw(bytes32 seed, bool sameGpu, uint256 minVramGb, bytes32 gpuModel)
        external
        returns (uint32[3] memory ids, address[3] memory wallets);

    /// @notice Acts on the three nodes of a task.
    /// @return wallets Their wallets.
    /// @return beneficiaries Where their earnings go now; zero for those on whom nothing is done.
    function settle(uint32[3] calldata ids, Action[3] calldata actions)
        external
        returns (address[3] memory wallets, address[3] memory beneficiaries);

    /// @notice Acts on one node.
    function settleOne(uint32 id, Action action) external returns (address wallet, address beneficiary);

    /// @notice Slashes one node whose task let go of it before; up to `bountyWei` of its stake goes to the caller instead
    /// of the IncentivePool.
    /// @return paidWei How much of the bounty the stake could pay.
    function slashForBounty(uint32 id, uint256 bountyWei) external returns (uint256 paidWei);

    /// @notice Keeps the stake of a node, also one that is leaving, until `until`.
    /// @return held False when there is no stake any more.
    function holdStake(uint32 id, uint256 until) external returns (bool held);

    /// @notice The number of a wallet, zero for one that never joined. It never changes.
    function idOf(address wallet) external view returns (uint32);

    function walletOf(uint32 id) external view returns (address);

    function unbondingSeconds() external view returns (uint256);
}
