// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {INodeRegistry} from "../../../../contracts/interfaces/INodeRegistry.sol";
import {Errors} from "../../../../contracts/libraries/Errors.sol";
import {Money} from "./Money.sol";

/// @dev The nodes as facts: who is a member, what it wished, which task holds it. The status that the contract stores follows
/// from these facts here, and nothing else does. Every move answers with the error that the contract must refuse it with, or
/// with zero, and is done then.
abstract contract Members is Money {
    struct Member {
        bool joined;
        bool paused; // or is to be, once its task lets go of it
        bool leaving; // wishes to, once its task lets go of it
        bool unbonding;
        bytes32 task; // that holds it, also when it was slashed meanwhile
        uint256 stakeWei;
        bytes32 gpuModel;
        uint256 vramGb;
        bytes32 encryptionKey;
        address beneficiary;
        address nextBeneficiary;
        uint256 nextBeneficiaryAt; // zero: no change was ever asked for
        uint256 unbondingSince;
        uint256 unbondingSeconds; // as it was when it left
        uint256 unbondingUntil;
        uint256 liableUntil;
        uint256 hardwareChangeableAt;
        uint256 membership; // counts how often it joined
    }

    address[] internal _wallets;
    mapping(address wallet => Member) internal _members;
    mapping(address wallet => uint256) private _index;
    /// @dev For which task a membership was slashed.
    mapping(address wallet => mapping(uint256 membership => bytes32 taskId)) public slashedFor;
    mapping(address wallet => mapping(uint256 membership => bool)) public withdrawn;
    bytes32[] internal _gpuModels;
    /// @dev A bit for each wallet that the last step changed.
    uint256 public touchedWallets;

    // ---- reading

    function member(address wallet) external view returns (Member memory) {
        return _members[wallet];
    }

    function wallets() external view returns (address[] memory) {
        return _wallets;
    }

    function gpuModels() external view returns (bytes32[] memory) {
        return _gpuModels;
    }

    function statusOf(address wallet) public view returns (INodeRegistry.Status) {
        Member storage member_ = _members[wallet];
        if (!member_.joined) return INodeRegistry.Status.None;
        if (member_.unbonding) return INodeRegistry.Status.Unbonding;
        if (member_.task == 0) return member_.paused ? INodeRegistry.Status.Paused : INodeRegistry.Status.Available;
        if (member_.leaving) return INodeRegistry.Status.LeavePending;
        return member_.paused ? INodeRegistry.Status.PausePending : INodeRegistry.Status.Busy;
    }

    function beneficiaryOf(address wallet) public view returns (address) {
        Member storage member_ = _members[wallet];
        bool changed = member_.nextBeneficiaryAt != 0 && member_.nextBeneficiaryAt <= timestamp;
        return changed ? member_.nextBeneficiary : member_.beneficiary;
    }

    function withdrawableAt(address wallet) public view returns (uint256) {
        Member storage member_ = _members[wallet];
        return member_.unbondingUntil > member_.liableUntil ? member_.unbondingUntil : member_.liableUntil;
    }

    /// @dev How many could be drawn now; `gpuModel` zero with `sameGpu`: of the largest group.
    function availableCount(bool sameGpu, uint256 minVramGb, bytes32 gpuModel) public view returns (uint256 available) {
        if (!sameGpu || gpuModel != 0) return _available(minVramGb, gpuModel);
        for (uint256 i = 0; i < _gpuModels.length; ++i) {
            uint256 group = _available(minVramGb, _gpuModels[i]);
            if (group > available) available = group;
        }
    }

    function memberCount() external view returns (uint256 members) {
        for (uint256 i = 0; i < _wallets.length; ++i) {
            Member storage member_ = _members[_wallets[i]];
            if (member_.joined && !member_.unbonding) ++members;
        }
    }

    /// @dev A random wallet in one of the statuses of `statuses` (a bit each), or zero.
    function pickWallet(uint256 random, uint256 statuses) external view returns (address) {
        for (uint256 i = 0; i < _wallets.length; ++i) {
            address wallet = _wallets[addmod(random, i, _wallets.length)];
            if ((statuses >> uint256(statusOf(wallet))) & 1 != 0) return wallet;
        }
        return address(0);
    }

    function _available(uint256 minVramGb, bytes32 gpuModel) private view returns (uint256 available) {
        for (uint256 i = 0; i < _wallets.length; ++i) {
            Member storage member_ = _members[_wallets[i]];
            if (statusOf(_wallets[i]) != INodeRegistry.Status.Available || member_.vramGb < minVramGb) continue;
            if (gpuModel == 0 || gpuModel == member_.gpuModel) ++available;
        }
    }

    // ---- the node's own moves

    function join(
        address wallet,
        uint256 stakeWei,
        bytes32 gpuModel,
        uint256 vramGb,
        bytes32 encryptionKey,
        address beneficiary
    ) external returns (bytes4 refusal) {
        Member storage member_ = _touch(wallet);
        if (member_.joined) return Errors.NodeRegistry_AlreadyJoined.selector;
        if (member_.task != 0) return Errors.NodeRegistry_StillHeld.selector;
        if (stakeWei < minimumStakeWei) return Errors.NodeRegistry_StakeTooLow.selector;
        if (encryptionKey == 0) return Errors.NodeRegistry_EncryptionKeyZero.selector;
        if (gpuModel == 0) return Errors.NodeRegistry_GpuModelZero.selector;
        if (vramGb == 0 || vramGb > 65_535) return Errors.NodeRegistry_VramOutOfRange.selector;

        (member_.joined, member_.paused, member_.leaving, member_.unbonding) = (true, false, false, false);
        member_.stakeWei = stakeWei;
        stakesWei += stakeWei;
        (member_.gpuModel, member_.vramGb, member_.encryptionKey) = (gpuModel, vramGb, encryptionKey);
        member_.beneficiary = beneficiary == address(0) ? wallet : beneficiary;
        (member_.nextBeneficiary, member_.nextBeneficiaryAt) = (address(0), 0);
        member_.liableUntil = 0;
        ++member_.membership;
    }

    function increaseStake(address wallet, uint256 amountWei) external returns (bytes4 refusal) {
        Member storage member_ = _touch(wallet);
        if (!member_.joined || member_.unbonding) return Errors.NodeRegistry_WrongStatus.selector;
        if (amountWei == 0) return Errors.NodeRegistry_AmountZero.selector;
        member_.stakeWei += amountWei;
        stakesWei += amountWei;
    }

    function pause(address wallet) external returns (bytes4 refusal) {
        Member storage member_ = _touch(wallet);
        if (!member_.joined || member_.unbonding || member_.paused || member_.leaving) {
            return Errors.NodeRegistry_WrongStatus.selector;
        }
        member_.paused = true;
    }

    /// @dev Takes back whatever wish is there.
    function resume(address wallet) external returns (bytes4 refusal) {
        Member storage member_ = _touch(wallet);
        if (!member_.joined || member_.unbonding || !(member_.paused || member_.leaving)) {
            return Errors.NodeRegistry_WrongStatus.selector;
        }
        if (member_.stakeWei < minimumStakeWei * 3 / 4) return Errors.NodeRegistry_StakeTooLow.selector;
        (member_.paused, member_.leaving) = (false, false);
    }

    function leave(address wallet) external returns (bytes4 refusal) {
        Member storage member_ = _touch(wallet);
        if (!member_.joined || member_.unbonding || member_.leaving) return Errors.NodeRegistry_WrongStatus.selector;
        if (member_.task == 0) _beginUnbonding(member_);
        else member_.leaving = true;
    }

    function withdrawStake(address wallet) external returns (bytes4 refusal) {
        Member storage member_ = _touch(wallet);
        if (!member_.unbonding) return Errors.NodeRegistry_WrongStatus.selector;
        if (timestamp < withdrawableAt(wallet)) return Errors.NodeRegistry_StillUnbonding.selector;
        withdrawn[wallet][member_.membership] = true;
        _remove(member_);
    }

    function setEncryptionKey(address wallet, bytes32 encryptionKey) external returns (bytes4 refusal) {
        Member storage member_ = _touch(wallet);
        if (!_idle(member_)) return Errors.NodeRegistry_WrongStatus.selector;
        if (encryptionKey == 0) return Errors.NodeRegistry_EncryptionKeyZero.selector;
        member_.encryptionKey = encryptionKey;
    }

    function setHardware(address wallet, bytes32 gpuModel, uint256 vramGb) external returns (bytes4 refusal) {
        Member storage member_ = _touch(wallet);
        if (!_idle(member_)) return Errors.NodeRegistry_WrongStatus.selector;
        if (timestamp < member_.hardwareChangeableAt) return Errors.NodeRegistry_HardwareChangedRecently.selector;
        if (gpuModel == 0) return Errors.NodeRegistry_GpuModelZero.selector;
        if (vramGb == 0 || vramGb > 65_535) return Errors.NodeRegistry_VramOutOfRange.selector;
        (member_.gpuModel, member_.vramGb) = (gpuModel, vramGb);
        member_.hardwareChangeableAt = timestamp + unbondingSeconds;
    }

    function setBeneficiary(address wallet, address beneficiary) external returns (bytes4 refusal) {
        Member storage member_ = _touch(wallet);
        if (!member_.joined) return Errors.NodeRegistry_WrongStatus.selector;
        member_.beneficiary = beneficiaryOf(wallet);
        member_.nextBeneficiary = beneficiary == address(0) ? wallet : beneficiary;
        member_.nextBeneficiaryAt = timestamp + unbondingSeconds;
    }

    // ---- what tasks do to nodes

    function _hold(address wallet, bytes32 taskId) internal {
        _touch(wallet).task = taskId;
    }

    /// @dev Nothing where another task, or none, holds the node.
    function _letGo(address wallet, bytes32 taskId) internal {
        Member storage member_ = _touch(wallet);
        if (member_.task != taskId) return;
        member_.task = 0;
        if (member_.joined && member_.leaving) _beginUnbonding(member_);
    }

    function _penalise(address wallet) internal returns (uint256 amountWei) {
        Member storage member_ = _touch(wallet);
        if (!member_.joined) return 0;
        amountWei = member_.stakeWei * penaltyBasisPoints / 10_000;
        member_.stakeWei -= amountWei;
        stakesWei -= amountWei;
        poolWei += amountWei;
        if (!member_.unbonding) member_.paused = true;
    }

    /// @dev The whole stake; up to `bountyWei` of it is not for the IncentivePool.
    function _slash(address wallet, bytes32 taskId, uint256 bountyWei)
        internal
        returns (uint256 takenWei, uint256 paidWei)
    {
        Member storage member_ = _touch(wallet);
        if (!member_.joined) return (0, 0);
        takenWei = member_.stakeWei;
        paidWei = bountyWei < takenWei ? bountyWei : takenWei;
        poolWei += takenWei - paidWei;
        slashedFor[wallet][member_.membership] = taskId;
        _remove(member_);
    }

    /// @dev False where there is no stake to hold.
    function _holdStake(address wallet, uint256 until) internal returns (bool) {
        Member storage member_ = _touch(wallet);
        if (!member_.joined) return false;
        if (member_.liableUntil < until) member_.liableUntil = until;
        return true;
    }

    function _beginUnbonding(Member storage member_) private {
        (member_.unbonding, member_.paused, member_.leaving) = (true, false, false);
        (member_.unbondingSince, member_.unbondingSeconds) = (timestamp, unbondingSeconds);
        member_.unbondingUntil = timestamp + unbondingSeconds;
    }

    function _remove(Member storage member_) private {
        stakesWei -= member_.stakeWei;
        (member_.stakeWei, member_.unbondingUntil, member_.encryptionKey) = (0, 0, 0);
        (member_.joined, member_.paused, member_.leaving, member_.unbonding) = (false, false, false, false);
    }

    function _idle(Member storage member_) private view returns (bool) {
        return member_.joined && !member_.unbonding && member_.task == 0;
    }

    // ---- bookkeeping

    function addWallet(address wallet) external {
        _index[wallet] = _wallets.length;
        _wallets.push(wallet);
    }

    function addGpuModel(bytes32 gpuModel) external {
        _gpuModels.push(gpuModel);
    }

    function _touch(address wallet) internal returns (Member storage member_) {
        touchedWallets |= 1 << _index[wallet];
        return _members[wallet];
    }
}
