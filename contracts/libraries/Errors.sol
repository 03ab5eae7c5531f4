// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {INodeRegistry} from "../interfaces/INodeRegistry.sol";
import {ITaskConsensus} from "../interfaces/ITaskConsensus.sol";

/// @title Every way in which the contracts refuse
/// @notice Named `Contract_What(facts)`. Amounts in wei of CNX, times in Unix seconds.
library Errors {
    // ---- for several contracts

    /// @notice An owner asked for a parameter outside of its hard bounds (both inclusive): `name` as ASCII, `value` in the unit that
    /// the name ends with.
    error Parameter_OutOfBounds(bytes32 name, uint256 value, uint256 lower, uint256 upper);
    /// @notice Unbonding would be shorter than the time in which a node that left can still be called to account.
    error Parameter_UnbondingTooShort(uint256 unbondingSeconds, uint256 longestChallengeSeconds);

    // ---- IncentivePool

    /// @notice Nothing is handed out to the zero address.
    error IncentivePool_RecipientZero();
    /// @notice More was to be handed out than the pool holds.
    error IncentivePool_InsufficientFunds(uint256 heldWei, uint256 neededWei);

    // ---- NodeRegistry

    /// @notice Only TaskConsensus may call this.
    error NodeRegistry_NotConsensus(address caller);
    /// @notice The wallet is a member already, or waits for its stake.
    error NodeRegistry_AlreadyJoined(address node, INodeRegistry.Status status);
    /// @notice Slashed while it held another task: it may join again when that task has ended.
    error NodeRegistry_StillHeld(address node);
    /// @notice What was asked for is not possible in the node's present status.
    error NodeRegistry_WrongStatus(address node, INodeRegistry.Status status);
    /// @notice The stake is below what joining, or resuming, needs.
    error NodeRegistry_StakeTooLow(uint256 stakeWei, uint256 neededWei);
    /// @notice More than 96 bits hold; there is no such amount of CNX.
    error NodeRegistry_StakeTooHigh(uint256 stakeWei);
    /// @notice The stake would be increased by nothing.
    error NodeRegistry_AmountZero();
    /// @notice A node must name its GPU model.
    error NodeRegistry_GpuModelZero();
    /// @notice A node must have a key to which arguments can be sealed.
    error NodeRegistry_EncryptionKeyZero();
    /// @notice VRAM in GB, both ends are allowed.
    error NodeRegistry_VramOutOfRange(uint256 vramGb, uint256 lower, uint256 upper);
    /// @notice Possible once in each unbonding period; again from `changeableAt` on (Unix seconds).
    error NodeRegistry_HardwareChangedRecently(address node, uint256 changeableAt);
    /// @notice The stake can leave from `endsAt` on (Unix seconds).
    error NodeRegistry_StillUnbonding(address node, uint256 endsAt);
    /// @notice Fewer than three nodes are free for such a task; `found` is a number of nodes.
    error NodeRegistry_TooFewNodes(uint256 found);

    // ---- TaskConsensus: deployment

    /// @notice The registry obeys `itsConsensus`, which is not this contract.
    error TaskConsensus_RegistryForeign(address registry, address itsConsensus);

    // ---- TaskConsensus: ledger

    /// @notice Nothing would be moved.
    error TaskConsensus_AmountZero();
    /// @notice Nothing is paid to the zero address.
    error TaskConsensus_RecipientZero();
    /// @notice The ledger balance of the account is too low.
    error TaskConsensus_InsufficientBalance(address account, uint256 balanceWei, uint256 neededWei);

    // ---- TaskConsensus: creating and starting

    /// @notice The creator has made a task with this key before.
    error TaskConsensus_TaskExists(bytes32 taskId);
    /// @notice There is no such task.
    error TaskConsensus_TaskUnknown(bytes32 taskId);
    /// @notice What was asked for is not possible in the task's present state.
    error TaskConsensus_WrongState(bytes32 taskId, ITaskConsensus.State state);
    /// @notice The fee is below the minimum, or more than 96 bits hold.
    error TaskConsensus_FeeOutOfRange(uint256 feeWei, uint256 lower, uint256 upper);
    /// @notice 1 to 10 for images, 0 for text.
    error TaskConsensus_ImageCountOutOfRange(uint256 imageCount, uint256 lower, uint256 upper);
    /// @notice The time for computing is outside of the bounds that the owner set, in seconds.
    error TaskConsensus_ExecutionTimeoutOutOfRange(uint256 seconds_, uint256 lower, uint256 upper);
    /// @notice No node can have so much VRAM, in GB.
    error TaskConsensus_VramOutOfRange(uint256 minVramGb, uint256 upper);
    /// @notice The hash of the arguments is missing.
    error TaskConsensus_ArgsHashZero();
    /// @notice The draw is possible in the blocks after `drawBlock`.
    error TaskConsensus_DrawTooEarly(bytes32 taskId, uint256 drawBlock, uint256 blockNumber);
    /// @notice Only the creator of the task may call this.
    error TaskConsensus_NotCreator(bytes32 taskId, address caller);
    /// @notice Enough nodes are free: it is too late to cancel.
    error TaskConsensus_CanStart(bytes32 taskId);

    // ---- TaskConsensus: commit and reveal

    /// @notice The caller was not drawn for this slot of the task.
    error TaskConsensus_NotDrawn(bytes32 taskId, address caller);
    /// @notice A commitment of zero would stand for none.
    error TaskConsensus_CommitmentZero(bytes32 taskId);
    /// @notice A commitment cannot be changed.
    error TaskConsensus_AlreadyCommitted(bytes32 taskId, address node);
    /// @notice Too late to commit.
    error TaskConsensus_CommitDeadlinePassed(bytes32 taskId, uint256 deadline, uint256 timestamp);
    /// @notice Before all three, or two at the deadline, have committed; `committed` is how many have.
    error TaskConsensus_RevealsNotOpen(bytes32 taskId, uint256 committed, uint256 commitDeadline);
    /// @notice Only who committed can reveal.
    error TaskConsensus_NotCommitted(bytes32 taskId, address node);
    /// @notice A reveal cannot be repeated.
    error TaskConsensus_AlreadyRevealed(bytes32 taskId, address node);
    /// @notice Too late to reveal.
    error TaskConsensus_RevealDeadlinePassed(bytes32 taskId, uint256 deadline, uint256 timestamp);
    /// @notice `outcome` is none of 0 to 3.
    error TaskConsensus_OutcomeUnknown(uint256 outcome);
    /// @notice In bytes: 8 for each image, 32 for text, 0 for an error.
    error TaskConsensus_ScoreLengthWrong(uint256 length, uint256 expected);
    /// @notice Outcome, score and salt are not what this node committed to.
    error TaskConsensus_CommitmentMismatch(bytes32 taskId, address node);

    // ---- TaskConsensus: uploads

    /// @notice Only the node whose turn it is can report the upload.
    error TaskConsensus_NotUploader(bytes32 taskId, address caller);
    /// @notice Too late to report the upload.
    error TaskConsensus_UploadDeadlinePassed(bytes32 taskId, uint256 deadline, uint256 timestamp);
    /// @notice The digest of the result is missing.
    error TaskConsensus_ResultDigestZero(bytes32 taskId);
    /// @notice Not signed by the task's relay. `recovered` is zero for a malformed signature.
    error TaskConsensus_SignerWrong(bytes32 taskId, address recovered, address relay);
    /// @notice Too late to fault the upload.
    error TaskConsensus_FaultWindowClosed(bytes32 taskId, uint256 deadline, uint256 timestamp);
    /// @notice The task is not past a deadline (Unix seconds; zero for none).
    error TaskConsensus_NothingToAdvance(bytes32 taskId, ITaskConsensus.State state, uint256 deadline);

    // ---- TaskConsensus: relays

    /// @notice Not a relay that tasks can name now.
    error TaskConsensus_RelayUnknown(address relay);
    /// @notice A relay needs the address of its signer.
    error TaskConsensus_RelayZero();
    /// @notice In bytes.
    error TaskConsensus_RelayUrlLengthWrong(uint256 length, uint256 lower, uint256 upper);
    /// @notice So many relays were ever set that there are no more numbers for them.
    error TaskConsensus_TooManyRelays(uint256 upper);
}
