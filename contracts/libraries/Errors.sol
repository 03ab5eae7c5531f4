// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {INodeRegistry} from "../interfaces/INodeRegistry.sol";
import {ITaskConsensus} from "../interfaces/ITaskConsensus.sol";

/// @title Every way in which the contracts refuse
/// @notice Named `Contract_What(facts)`. Amounts in wei of CNX, times in Unix seconds.
library Errors {
    // ---- for several contracts

    /// @notice An owner asked for a parameter outside of its hard bounds (both inclusive).
    error Parameter_OutOfBounds(bytes32 name, uint256 value, uint256 lower, uint256 upper);
    /// @notice Unbonding would be shorter than the time in which a node that left can still be called to account.
    error Parameter_UnbondingTooShort(uint256 unbondingSeconds, uint256 longestChallengeSeconds);

    // ---- IncentivePool

    error IncentivePool_RecipientZero();
    error IncentivePool_InsufficientFunds(uint256 heldWei, uint256 neededWei);

    // ---- NodeRegistry

    error NodeRegistry_NotConsensus(address caller);
    error NodeRegistry_AlreadyJoined(address node, INodeRegistry.Status status);
    /// @notice Slashed while it held another task: it may join again when that task has ended.
    error NodeRegistry_StillHeld(address node);
    /// @notice What was asked for is not possible in the node's present status.
    error NodeRegistry_WrongStatus(address node, INodeRegistry.Status status);
    error NodeRegistry_StakeTooLow(uint256 stakeWei, uint256 neededWei);
    error NodeRegistry_StakeTooHigh(uint256 stakeWei);
    error NodeRegistry_AmountZero();
    error NodeRegistry_GpuModelZero();
    error NodeRegistry_EncryptionKeyZero();
    error NodeRegistry_VramOutOfRange(uint256 vramGb, uint256 lower, uint256 upper);
    error NodeRegistry_HardwareChangedRecently(address node, uint256 changeableAt);
    error NodeRegistry_StillUnbonding(address node, uint256 endsAt);
    error NodeRegistry_TooFewNodes(uint256 found);

    // ---- TaskConsensus: deployment

    /// @notice The registry obeys another contract.
    error TaskConsensus_RegistryForeign(address registry, address itsConsensus);

    // ---- TaskConsensus: ledger

    error TaskConsensus_AmountZero();
    error TaskConsensus_RecipientZero();
    error TaskConsensus_InsufficientBalance(address account, uint256 balanceWei, uint256 neededWei);

    // ---- TaskConsensus: creating and starting

    error TaskConsensus_TaskExists(bytes32 taskId);
    error TaskConsensus_TaskUnknown(bytes32 taskId);
    /// @notice What was asked for is not possible in the task's present state.
    error TaskConsensus_WrongState(bytes32 taskId, ITaskConsensus.State state);
    error TaskConsensus_FeeOutOfRange(uint256 feeWei, uint256 lower, uint256 upper);
    error TaskConsensus_ImageCountOutOfRange(uint256 imageCount, uint256 lower, uint256 upper);
    error TaskConsensus_ExecutionTimeoutOutOfRange(uint256 seconds_, uint256 lower, uint256 upper);
    error TaskConsensus_VramOutOfRange(uint256 minVramGb, uint256 upper);
    error TaskConsensus_ArgsHashZero();
    error TaskConsensus_DrawTooEarly(bytes32 taskId, uint256 drawBlock, uint256 blockNumber);
    error TaskConsensus_NotCreator(bytes32 taskId, address caller);

    // ---- TaskConsensus: commit and reveal

    error TaskConsensus_NotDrawn(bytes32 taskId, address caller);
    error TaskConsensus_CommitmentZero(bytes32 taskId);
    error TaskConsensus_AlreadyCommitted(bytes32 taskId, address node);
    error TaskConsensus_CommitDeadlinePassed(bytes32 taskId, uint256 deadline, uint256 timestamp);
    error TaskConsensus_RevealsNotOpen(bytes32 taskId, uint256 committed, uint256 commitDeadline);
    error TaskConsensus_NotCommitted(bytes32 taskId, address node);
    error TaskConsensus_AlreadyRevealed(bytes32 taskId, address node);
    error TaskConsensus_RevealDeadlinePassed(bytes32 taskId, uint256 deadline, uint256 timestamp);
    error TaskConsensus_OutcomeUnknown(uint256 outcome);
    error TaskConsensus_ScoreLengthWrong(uint256 length, uint256 expected);
    /// @notice Outcome, score and salt are not what this node committed to.
    error TaskConsensus_CommitmentMismatch(bytes32 taskId, address node);

    // ---- TaskConsensus: uploads

    error TaskConsensus_NotUploader(bytes32 taskId, address caller);
    error TaskConsensus_UploadDeadlinePassed(bytes32 taskId, uint256 deadline, uint256 timestamp);
    error TaskConsensus_ResultDigestZero(bytes32 taskId);
    /// @notice Not signed by the task's relay. `recovered` is zero for a malformed signature.
    error TaskConsensus_SignerWrong(bytes32 taskId, address recovered, address relay);
    error TaskConsensus_FaultWindowClosed(bytes32 taskId, uint256 deadline, uint256 timestamp);
    error TaskConsensus_NothingToAdvance(bytes32 taskId, ITaskConsensus.State state, uint256 deadline);

    // ---- TaskConsensus: relays

    error TaskConsensus_RelayUnknown(address relay);
    error TaskConsensus_RelayZero();
    error TaskConsensus_RelayUrlLengthWrong(uint256 length, uint256 lower, uint256 upper);
    error TaskConsensus_TooManyRelays(uint256 upper);
}
