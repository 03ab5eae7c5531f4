// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ITaskConsensus} from "../../../contracts/interfaces/ITaskConsensus.sol";
import {Errors} from "../../../contracts/libraries/Errors.sol";
import {TaskConsensus} from "../../../contracts/TaskConsensus.sol";
import {NetworkTest} from "../base/NetworkTest.sol";

/// @dev A creator that is a contract: it reverts whatever it does not like.
contract Gambler {
    TaskConsensus private immutable _CONSENSUS;

    error Disliked();

    constructor(TaskConsensus consensus) {
        _CONSENSUS = consensus;
    }

    /// @notice Creates and draws in one transaction.
    function createAndStart(ITaskConsensus.TaskRequest calldata request) external {
        _CONSENSUS.start(_CONSENSUS.createTask(request));
    }

    /// @notice Creates only if the hash that will decide the draw can be seen.
    function createSeeing(ITaskConsensus.TaskRequest calldata request) external returns (bytes32 taskId) {
        taskId = _CONSENSUS.createTask(request);
        if (blockhash(_CONSENSUS.task(taskId).drawBlock) == 0) revert Disliked();
    }

    function create(ITaskConsensus.TaskRequest calldata request) external returns (bytes32) {
        return _CONSENSUS.createTask(request);
    }

    /// @notice Starts only if `node` is drawn.
    function startWith(bytes32 taskId, address node) external {
        _CONSENSUS.start(taskId);
        ITaskConsensus.TaskView memory task = _CONSENSUS.task(taskId);
        if (task.slots[0].node != node && task.slots[1].node != node && task.slots[2].node != node) revert Disliked();
    }
}

/// @notice When a draw is possible, and that looking at it first gains nothing.
contract StartTest is NetworkTest {
    Gambler private _gambler;

    function setUp() public override {
        super.setUp();
        addNodes(12);
        _gambler = new Gambler(consensus);
        vm.prank(creator);
        consensus.withdraw(address(_gambler), 100 ether);
        vm.startPrank(address(_gambler));
        token.approve(address(consensus), type(uint256).max);
        consensus.deposit(100 ether);
        vm.stopPrank();
    }

    function test_NotInTheCreatingBlock() external {
        bytes32 taskId = create(request());
        uint256 drawBlock = block.number;
        bytes memory tooEarly =
            abi.encodeWithSelector(Errors.TaskConsensus_DrawTooEarly.selector, taskId, drawBlock, drawBlock);
        vm.expectRevert(tooEarly);
        consensus.start(taskId);
        nextBlock();
        consensus.start(taskId);
        assertState(taskId, ITaskConsensus.State.Started, "in the next block");
    }

    /// @dev 256 blocks later the hash is still known and decides; one block later another block is fixed.
    function test_TheHashIsForgottenAfter256Blocks() external {
        bytes32 taskId = create(request());
        uint256 drawBlock = block.number;
        vm.roll(drawBlock + 256);
        uint256 snapshot = vm.snapshotState();
        vm.setBlockhash(drawBlock, keccak256("one"));
        consensus.start(taskId);
        address[3] memory one = drawn(taskId);
        vm.revertToState(snapshot);
        vm.setBlockhash(drawBlock, keccak256("two"));
        consensus.start(taskId);
        vm.assertTrue(keccak256(abi.encode(one)) != keccak256(abi.encode(drawn(taskId))), "the hash decides");
        vm.revertToState(snapshot);

        vm.roll(drawBlock + 257);
        vm.expectEmit(address(consensus));
        emit ITaskConsensus.TaskRedrawn(taskId, drawBlock + 257);
        consensus.start(taskId);
        assertState(taskId, ITaskConsensus.State.Queued, "not drawn");
        vm.assertEq(consensus.task(taskId).drawBlock, drawBlock + 257);
        vm.expectPartialRevert(Errors.TaskConsensus_DrawTooEarly.selector);
        consensus.start(taskId);
        vm.roll(drawBlock + 258);
        consensus.start(taskId);
        assertState(taskId, ITaskConsensus.State.Started, "drawn");
    }

    function test_AContractCannotCreateAndDrawAndRevert() external {
        ITaskConsensus.TaskRequest memory request_ = request();
        uint256 balanceWei = consensus.balanceOf(address(_gambler));
        vm.expectPartialRevert(Errors.TaskConsensus_DrawTooEarly.selector);
        _gambler.createAndStart(request_);
        vm.expectRevert(Gambler.Disliked.selector);
        _gambler.createSeeing(request_);
        vm.assertEq(consensus.balanceOf(address(_gambler)), balanceWei);
        bytes32 taskId = consensus.taskIdOf(address(_gambler), request_.taskKey);
        assertState(taskId, ITaskConsensus.State.None, "no task");
    }

    /// @dev Reverting a draw that is disliked leads to the same draw, in each of the 256 blocks.
    function test_ADrawThatIsRevertedComesOutTheSame() external {
        bytes32 taskId = _gambler.create(request());
        uint256 drawBlock = block.number;
        nextBlock();
        vm.setBlockhash(drawBlock, keccak256("hash"));
        uint256 snapshot = vm.snapshotState();
        consensus.start(taskId);
        address[3] memory certain = drawn(taskId);
        vm.revertToState(snapshot);

        address stranger = nodes[0];
        for (uint256 i = 1; stranger == certain[0] || stranger == certain[1] || stranger == certain[2]; ++i) {
            stranger = nodes[i];
        }
        for (uint256 later = 1; later <= 256; later += 15) {
            vm.roll(drawBlock + later);
            vm.setBlockhash(drawBlock, keccak256("hash"));
            vm.expectRevert(Gambler.Disliked.selector);
            _gambler.startWith(taskId, stranger);
        }
        _gambler.startWith(taskId, certain[2]);
        vm.assertEq(keccak256(abi.encode(drawn(taskId))), keccak256(abi.encode(certain)));
    }
}
