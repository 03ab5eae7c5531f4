// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ITaskConsensus} from "../../../../contracts/interfaces/ITaskConsensus.sol";
import {Tasks} from "../model/Tasks.sol";
import {Handler, Network} from "./Handler.sol";

/// @title Creators, their ledgers, and anybody who pushes a task on
contract CreatorHandler is Handler {
    address[] private _creators;
    address[] private _relays;

    constructor(Network memory network, address[] memory creators, address[] memory relays) Handler(network) {
        (_creators, _relays) = (creators, relays);
    }

    function createImages(uint256 seed) external step(seed) {
        ITaskConsensus.TaskRequest memory request = _request();
        request.kind = ITaskConsensus.Kind.Image;
        request.imageCount = uint8(_between(1, 10));
        if (_oneIn(8)) request.gpuModel = _gpuModel();
        if (_oneIn(32)) request.imageCount = _oneIn(2) ? 0 : 11;
        _create("create images", request);
    }

    function createText(uint256 seed) external step(seed) {
        ITaskConsensus.TaskRequest memory request = _request();
        request.kind = ITaskConsensus.Kind.Text;
        if (_oneIn(4)) request.gpuModel = _gpuModel();
        if (_oneIn(32)) request.imageCount = 1;
        _create("create text", request);
    }

    function cancelOrMoveMoney(uint256 seed) external step(seed) {
        if (_oneIn(3)) _cancel();
        else if (_oneIn(2)) _deposit();
        else _withdraw();
    }

    function _cancel() private {
        bytes32 taskId;
        if (_oneIn(2)) (taskId,) = MODEL.pick(_word(), Tasks.Need.Cancel);
        if (taskId == 0) taskId = _anyTask();
        address caller = _oneIn(8) ? _creator() : MODEL.job(taskId).creator;
        _perform(
            "cancel",
            caller,
            address(CONSENSUS),
            abi.encodeCall(CONSENSUS.cancel, (taskId)),
            MODEL.cancel(taskId, caller)
        );
    }

    /// @dev By anyone. Who was drawn is the one thing the model has to be told.
    function start(uint256 seed) external step(seed) {
        bytes32 taskId;
        if (!_oneIn(8)) (taskId,) = MODEL.pick(_word(), Tasks.Need.Start);
        if (taskId == 0) (taskId,) = MODEL.pick(_word(), Tasks.Need.Cancel);
        if (taskId == 0) taskId = _anyTask();
        (bytes4 refusal, bool draws) = MODEL.start(taskId);
        _perform("start", _anyWallet(), address(CONSENSUS), abi.encodeCall(CONSENSUS.start, (taskId)), refusal);
        if (!draws) return;
        ITaskConsensus.TaskView memory task = CONSENSUS.task(taskId);
        address[3] memory nodes = [task.slots[0].node, task.slots[1].node, task.slots[2].node];
        vm.assertTrue(MODEL.drawn(taskId, nodes), "start: drew a node that was not free, or not fit");
    }

    function advance(uint256 seed) external step(seed) {
        bytes32 taskId;
        if (!_oneIn(8)) (taskId,) = MODEL.pick(_word(), Tasks.Need.Advance);
        if (taskId == 0) taskId = _anyTask();
        _perform(
            "advance",
            _anyWallet(),
            address(CONSENSUS),
            abi.encodeCall(CONSENSUS.advance, (taskId)),
            MODEL.advance(taskId)
        );
    }

    function _deposit() private {
        address creator = _creator();
        uint256 amountWei = _oneIn(16) ? 0 : _between(1, 300 ether);
        _perform(
            "deposit",
            creator,
            address(CONSENSUS),
            abi.encodeCall(CONSENSUS.deposit, (amountWei)),
            MODEL.deposit(creator, amountWei)
        );
    }

    function _withdraw() private {
        address[] memory accounts = MODEL.accounts();
        address account = _oneIn(8) ? _anyWallet() : accounts[_below(accounts.length)];
        uint256 amountWei = _oneIn(4) ? MODEL.ledgerOf(account) : _below(200 ether);
        address to = _oneIn(16) ? address(0) : _anyWallet();
        uint256 beforeWei = TOKEN.balanceOf(to);
        bytes4 refusal = MODEL.withdraw(account, to, amountWei);
        _perform("withdraw", account, address(CONSENSUS), abi.encodeCall(CONSENSUS.withdraw, (to, amountWei)), refusal);
        if (refusal == 0) vm.assertEq(TOKEN.balanceOf(to), beforeWei + amountWei, "withdraw: what came out");
    }

    function _create(bytes32 name, ITaskConsensus.TaskRequest memory request) private {
        address creator = _creator();
        bytes32 taskId = keccak256(abi.encode(creator, request.taskKey));
        bytes4 refusal = MODEL.createTask(taskId, creator, request, _oneIn(5));
        bytes memory call = abi.encodeCall(CONSENSUS.createTask, (request));
        bytes memory answer = _perform(name, creator, address(CONSENSUS), call, refusal);
        if (refusal == 0) vm.assertEq(abi.decode(answer, (bytes32)), taskId);
    }

    function _request() private returns (ITaskConsensus.TaskRequest memory request) {
        // Few keys, so that some come twice.
        request.taskKey = bytes32(_below(512));
        request.minVramGb = uint32([uint256(0), 0, 0, 1, 9, 24, 79, 200][_below(8)]);
        request.executionTimeoutSeconds = uint32(MODEL.minimumTimeout());
        if (_oneIn(2)) {
            request.executionTimeoutSeconds = uint32(_between(MODEL.minimumTimeout(), MODEL.maximumTimeout()));
        }
        request.relay = _relays[_below(_relays.length)];
        request.argsHash = bytes32(_word());
        request.feeWei = MODEL.minimumFeeWei() + _below(_oneIn(4) ? 4 : 30 ether);
        if (!_oneIn(8)) return request;

        uint256 which = _below(5);
        if (which == 0) request.minVramGb = 65_536;
        else if (which == 1) request.executionTimeoutSeconds = uint32(MODEL.minimumTimeout() - 1);
        else if (which == 2) request.executionTimeoutSeconds = uint32(MODEL.maximumTimeout() + 1);
        else if (which == 3) request.argsHash = 0;
        else request.feeWei = MODEL.minimumFeeWei() - 1;
    }

    function _creator() private returns (address) {
        return _creators[_below(_creators.length)];
    }

    /// @dev The last is nobody's.
    function _gpuModel() private returns (bytes32) {
        bytes32[] memory models = MODEL.gpuModels();
        uint256 index = _below(models.length + 1);
        return index == models.length ? keccak256("nobody has this") : models[index];
    }
}
