// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {INodeRegistry} from "../../../../contracts/interfaces/INodeRegistry.sol";
import {Handler, Network} from "./Handler.sol";

/// @title Nodes coming, changing and going
contract NodeHandler is Handler {
    uint256 private constant _NONE = 1 << uint256(INodeRegistry.Status.None);
    uint256 private constant _AVAILABLE = 1 << uint256(INodeRegistry.Status.Available);
    uint256 private constant _BUSY = 1 << uint256(INodeRegistry.Status.Busy);
    uint256 private constant _PAUSED = 1 << uint256(INodeRegistry.Status.Paused);
    uint256 private constant _PAUSE_PENDING = 1 << uint256(INodeRegistry.Status.PausePending);
    uint256 private constant _LEAVE_PENDING = 1 << uint256(INodeRegistry.Status.LeavePending);
    uint256 private constant _UNBONDING = 1 << uint256(INodeRegistry.Status.Unbonding);

    address[] private _payees;

    constructor(Network memory network, address[] memory payees) Handler(network) {
        _payees = payees;
    }

    function join(uint256 seed) external step(seed) {
        address wallet = _node(_NONE);
        bool odd = _oneIn(8);
        uint256 stakeWei = MODEL.minimumStakeWei() + _below(100 ether);
        if (odd && _oneIn(4)) stakeWei = _below(MODEL.minimumStakeWei());
        bytes32 gpuModel = odd && _oneIn(4) ? bytes32(0) : _gpuModel();
        uint256 vramGb = odd && _oneIn(4) ? 65_536 * _below(2) : _vramGb();
        bytes32 key = odd && _oneIn(4) ? bytes32(0) : bytes32(_word());
        address beneficiary = _payee(wallet);
        _perform(
            "join",
            wallet,
            address(REGISTRY),
            abi.encodeCall(REGISTRY.join, (stakeWei, gpuModel, uint32(vramGb), key, beneficiary)),
            MODEL.join(wallet, stakeWei, gpuModel, vramGb, key, beneficiary)
        );
    }

    function resume(uint256 seed) external step(seed) {
        address wallet = _node(_PAUSED | _PAUSE_PENDING | _LEAVE_PENDING);
        _perform("resume", wallet, address(REGISTRY), abi.encodeCall(REGISTRY.resume, ()), MODEL.resume(wallet));
    }

    function goAway(uint256 seed) external step(seed) {
        uint256 which = _below(4);
        if (which == 0) _pause();
        else if (which == 1) _leave();
        else _withdrawStake();
    }

    function change(uint256 seed) external step(seed) {
        uint256 which = _below(4);
        if (which == 0) _increaseStake();
        else if (which == 1) _setHardware();
        else if (which == 2) _setBeneficiary();
        else _setEncryptionKey();
    }

    function _pause() private {
        address wallet = _node(_AVAILABLE | _BUSY);
        _perform("pause", wallet, address(REGISTRY), abi.encodeCall(REGISTRY.pause, ()), MODEL.pause(wallet));
    }

    function _leave() private {
        address wallet = _node(_AVAILABLE | _BUSY | _PAUSED | _PAUSE_PENDING);
        _perform("leave", wallet, address(REGISTRY), abi.encodeCall(REGISTRY.leave, ()), MODEL.leave(wallet));
    }

    /// @dev Some wait until it is possible, or until one second before.
    function _withdrawStake() private {
        address wallet = _node(_UNBONDING);
        uint256 at = MODEL.withdrawableAt(wallet);
        if (_oneIn(8) && at > MODEL.timestamp()) _pass(at - MODEL.timestamp() - _below(2), 1);
        uint256 stakeWei = MODEL.member(wallet).stakeWei;
        uint256 earliest = MODEL.member(wallet).unbondingSince + MODEL.member(wallet).unbondingSeconds;
        address to = MODEL.beneficiaryOf(wallet);
        uint256 beforeWei = TOKEN.balanceOf(to);
        bytes4 refusal = MODEL.withdrawStake(wallet);
        _perform("withdrawStake", wallet, address(REGISTRY), abi.encodeCall(REGISTRY.withdrawStake, ()), refusal);
        if (refusal != 0) return;
        vm.assertEq(TOKEN.balanceOf(to), beforeWei + stakeWei, "withdrawStake: what the beneficiary got");
        vm.assertGe(block.timestamp, earliest, "withdrawStake: unbonding was shortened");
    }

    function _increaseStake() private {
        address wallet = _node(_AVAILABLE | _BUSY | _PAUSED | _PAUSE_PENDING | _LEAVE_PENDING);
        uint256 amountWei = _oneIn(16) ? 0 : _between(1, 50 ether);
        _perform(
            "increaseStake",
            wallet,
            address(REGISTRY),
            abi.encodeCall(REGISTRY.increaseStake, (amountWei)),
            MODEL.increaseStake(wallet, amountWei)
        );
    }

    function _setHardware() private {
        address wallet = _node(_AVAILABLE | _PAUSED);
        bytes32 gpuModel = _oneIn(16) ? bytes32(0) : _gpuModel();
        uint256 vramGb = _oneIn(16) ? 0 : _vramGb();
        _perform(
            "setHardware",
            wallet,
            address(REGISTRY),
            abi.encodeCall(REGISTRY.setHardware, (gpuModel, uint32(vramGb))),
            MODEL.setHardware(wallet, gpuModel, vramGb)
        );
    }

    function _setBeneficiary() private {
        address wallet = _node(~_NONE);
        address beneficiary = _payee(wallet);
        _perform(
            "setBeneficiary",
            wallet,
            address(REGISTRY),
            abi.encodeCall(REGISTRY.setBeneficiary, (beneficiary)),
            MODEL.setBeneficiary(wallet, beneficiary)
        );
    }

    function _setEncryptionKey() private {
        address wallet = _node(_AVAILABLE | _PAUSED);
        bytes32 key = _oneIn(8) ? bytes32(0) : bytes32(_word());
        _perform(
            "setEncryptionKey",
            wallet,
            address(REGISTRY),
            abi.encodeCall(REGISTRY.setEncryptionKey, (key)),
            MODEL.setEncryptionKey(wallet, key)
        );
    }

    /// @dev A node in one of these statuses if there is one; one in eight is any.
    function _node(uint256 statuses) private returns (address wallet) {
        if (!_oneIn(8)) wallet = MODEL.pickWallet(_word(), statuses);
        if (wallet == address(0)) wallet = _anyWallet();
    }

    function _gpuModel() private returns (bytes32) {
        bytes32[] memory models = MODEL.gpuModels();
        return models[_oneIn(4) ? _below(models.length) : 0];
    }

    function _vramGb() private returns (uint256) {
        return [uint256(1), 8, 11, 23, 24, 24, 40, 80, 141][_below(9)];
    }

    function _payee(address wallet) private returns (address) {
        uint256 which = _below(4);
        if (which == 0) return address(0);
        return which == 1 ? wallet : _payees[_below(_payees.length)];
    }
}
