// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TaskConsensus} from "../../../contracts/TaskConsensus.sol";
import {INodeRegistry} from "../../../contracts/interfaces/INodeRegistry.sol";
import {ITaskConsensus} from "../../../contracts/interfaces/ITaskConsensus.sol";
import {Errors} from "../../../contracts/libraries/Errors.sol";
import {HostileTest} from "../base/HostileTest.sol";

/// @dev Creates tasks and starts them, and takes back what it did unless its friends are drawn.
contract PickyCreator {
    error NotMyFriends(address[3] wallets);

    TaskConsensus private immutable _CONSENSUS;
    mapping(address node => bool) private _friends;

    constructor(TaskConsensus consensus, address[] memory friends) {
        _CONSENSUS = consensus;
        for (uint256 i = 0; i < friends.length; ++i) {
            _friends[friends[i]] = true;
        }
    }

    function act(address target, bytes calldata data) external {
        (bool done,) = target.call(data);
        require(done);
    }

    /// @dev All in one transaction.
    function createAndStart(ITaskConsensus.TaskRequest calldata request) external {
        _startOrRevert(_CONSENSUS.createTask(request));
    }

    function startOrRevert(bytes32 taskId) external {
        _startOrRevert(taskId);
    }

    function _startOrRevert(bytes32 taskId) private {
        _CONSENSUS.start(taskId);
        ITaskConsensus.TaskView memory task = _CONSENSUS.task(taskId);
        uint256 count;
        for (uint256 i = 0; i < 3; ++i) {
            if (_friends[task.slots[i].node]) ++count;
        }
        if (count < 2) {
            revert NotMyFriends([task.slots[0].node, task.slots[1].node, task.slots[2].node]);
        }
    }
}

/// @notice Security row 14: a creator that takes back what it does not like, and nodes that come and go around `start`. How
/// much it helps is measured in the tests of the draw; here, why it does not.
contract SteeringTest is HostileTest {
    PickyCreator private _picky;
    address[] private _friends;

    function setUp() public override {
        super.setUp();
        addNodes(30);
        for (uint256 i = 0; i < 6; ++i) {
            _friends.push(nodes[5 * i]);
        }
        _picky = new PickyCreator(consensus, _friends);
        fund(address(_picky), 200 ether);
        _picky.act(address(token), abi.encodeCall(token.approve, (address(consensus), 200 ether)));
        _picky.act(address(consensus), abi.encodeCall(consensus.deposit, (200 ether)));
    }

    function _createPicky() private returns (bytes32 taskId) {
        ITaskConsensus.TaskRequest memory request_ = request();
        ++taskCount;
        _picky.act(address(consensus), abi.encodeCall(consensus.createTask, (request_)));
        taskId = consensus.taskIdOf(address(_picky), request_.taskKey);
        watched.push(taskId);
    }

    /// @dev Nobody knows the creating block's hash while that block is made: there is nothing yet to like or dislike.
    function test_CreatingAndStartingInOneTransaction() external {
        ITaskConsensus.TaskRequest memory request_ = request();
        bytes32 taskId = consensus.taskIdOf(address(_picky), request_.taskKey);
        for (uint256 i = 0; i < 40; ++i) {
            refused(
                STRANGER,
                address(_picky),
                abi.encodeCall(PickyCreator.createAndStart, (request_)),
                abi.encodeWithSelector(Errors.TaskConsensus_DrawTooEarly.selector, taskId, block.number, block.number),
                "one transaction"
            );
            nextBlock();
        }
        vm.assertEq(consensus.balanceOf(address(_picky)), 200 ether, "escrowed nothing");
    }

    /// @dev Once created, each try sees the same three until the block hash is forgotten.
    function test_TryingAgainShowsTheSameDraw() external {
        uint256 given;
        for (uint256 round = 0; round < 12; ++round) {
            bytes32 taskId = _createPicky();
            uint256 drawBlock = block.number;
            nextBlock();
            vm.setBlockhash(drawBlock, keccak256(abi.encode(round)));
            uint256 snapshot = vm.snapshotState();
            consensus.start(taskId);
            address[3] memory first = drawn(taskId);
            vm.revertToState(snapshot);
            for (uint256 i = 1; i <= 256; i += 51) {
                vm.roll(drawBlock + i);
                vm.warp(block.timestamp + 17);
                vm.setBlockhash(drawBlock, keccak256(abi.encode(round)));
                snapshot = vm.snapshotState();
                try _picky.startOrRevert(taskId) {
                    vm.assertEq(keccak256(abi.encode(drawn(taskId))), keccak256(abi.encode(first)), "liked");
                } catch (bytes memory reason) {
                    ++given;
                    vm.assertEq(reason, abi.encodeWithSelector(PickyCreator.NotMyFriends.selector, first), "same");
                }
                vm.revertToState(snapshot);
            }
            // Nobody has to wait for it to like the draw.
            vm.prank(STRANGER);
            consensus.start(taskId);
            vm.assertEq(keccak256(abi.encode(drawn(taskId))), keccak256(abi.encode(first)), "started by a stranger");
            vm.warp(consensus.task(taskId).commitDeadline + 1);
            consensus.advance(taskId);
            for (uint256 i = 0; i < 3; ++i) {
                vm.prank(first[i]);
                registry.resume();
            }
        }
        vm.assertGe(given, 12, "disliked some");
    }

    /// @dev It may wait until the hash is forgotten and gets another draw block, whose hash it does not know either; the
    /// transaction that fixes it shows no draw.
    function test_WaitingForAnotherBlock() external {
        bytes32 taskId = _createPicky();
        vm.roll(block.number + 257);
        consensus.start(taskId);
        assertState(taskId, ITaskConsensus.State.Queued, "no draw");
        vm.assertEq(consensus.task(taskId).drawBlock, block.number, "a block whose hash is not known yet");
        refused(
            STRANGER,
            address(_picky),
            abi.encodeCall(PickyCreator.startOrRevert, (taskId)),
            abi.encodeWithSelector(Errors.TaskConsensus_DrawTooEarly.selector, taskId, block.number, block.number),
            "not at once"
        );
    }

    /// @dev What surrounds a transaction and its sender can choose or know does not change the draw.
    function test_WhatDoesNotChangeTheDraw() external {
        bytes32 taskId = _createPicky();
        uint256 drawBlock = block.number;
        nextBlock();
        bytes32 first;
        for (uint256 i = 0; i < 6; ++i) {
            uint256 snapshot = vm.snapshotState();
            if (i == 1) vm.warp(block.timestamp + 12);
            if (i == 3) vm.roll(block.number + 3);
            if (i == 4) fund(STRANGER, 1 ether);
            if (i == 5) token.transfer(address(registry), 1);
            vm.setBlockhash(drawBlock, "hash");
            if (i == 2) vm.prank(STRANGER);
            consensus.start(taskId);
            bytes32 now_ = keccak256(abi.encode(drawn(taskId)));
            if (i == 0) first = now_;
            vm.assertEq(now_, first, "the same");
            vm.revertToState(snapshot);
        }
    }

    /// @dev Toggling a node and toggling it back leaves the pools as they were: the same draw for the same block hash.
    function test_TogglingBackAndForth() external {
        for (uint256 round = 0; round < 10; ++round) {
            bytes32 taskId = _createPicky();
            uint256 drawBlock = block.number;
            nextBlock();
            vm.setBlockhash(drawBlock, keccak256(abi.encode(round)));
            uint256 snapshot = vm.snapshotState();
            consensus.start(taskId);
            bytes32 before = keccak256(abi.encode(drawn(taskId)));
            vm.revertToState(snapshot);
            snapshot = vm.snapshotState();
            for (uint256 i = 0; i < _friends.length; ++i) {
                vm.startPrank(_friends[i]);
                registry.pause();
                registry.resume();
                vm.stopPrank();
            }
            vm.setBlockhash(drawBlock, keccak256(abi.encode(round)));
            consensus.start(taskId);
            vm.assertEq(keccak256(abi.encode(drawn(taskId))), before, "nothing moved");
            vm.revertToState(snapshot);
            // Back to before the seed was known.
            vm.roll(drawBlock);
            _picky.act(address(consensus), abi.encodeCall(consensus.cancel, (taskId)));
        }
    }

    /// @dev A node that was drawn and does not like it: pausing or leaving waits for the end of the task, silence costs.
    function test_ADrawnNodeCannotGetAway() external {
        bytes32 taskId = started();
        address[3] memory wallets = drawn(taskId);
        for (uint256 i = 0; i < 3; ++i) {
            vm.startPrank(wallets[i]);
            if (i == 0) registry.pause();
            if (i == 1) registry.leave();
            if (i == 2) registry.pause();
            if (i == 2) registry.leave();
            vm.stopPrank();
        }
        vm.assertEq(keccak256(abi.encode(drawn(taskId))), keccak256(abi.encode(wallets)), "still theirs");
        vm.warp(consensus.task(taskId).commitDeadline + 1);
        consensus.advance(taskId);
        for (uint256 i = 0; i < 3; ++i) {
            vm.assertEq(registry.node(wallets[i]).stakeWei, STAKE * 98 / 100, "penalised");
        }
        assertStatus(wallets[0], INodeRegistry.Status.Paused, "paused");
        assertStatus(wallets[1], INodeRegistry.Status.Unbonding, "leaving");
    }

    /// @dev Hardware, which decides the pools, changes once in each unbonding period: no way to try draws.
    function test_ChangingHardwareToTryDraws() external {
        bytes32 taskId = _createPicky();
        nextBlock();
        vm.prank(_friends[0]);
        registry.setHardware(GPU, 80);
        refused(
            _friends[0],
            address(registry),
            abi.encodeCall(registry.setHardware, (GPU, 8)),
            abi.encodeWithSelector(
                Errors.NodeRegistry_HardwareChangedRecently.selector,
                _friends[0],
                block.timestamp + registry.unbondingSeconds()
            ),
            "again"
        );
        consensus.start(taskId);
    }

    /// @dev Leaving and coming back as another member takes an unbonding period.
    function test_LeavingAndJoiningToTryDraws() external {
        _createPicky();
        nextBlock();
        vm.prank(_friends[0]);
        registry.leave();
        refused(
            _friends[0],
            address(registry),
            abi.encodeCall(registry.join, (STAKE, GPU, 24, bytes32("key"), address(0))),
            abi.encodeWithSelector(
                Errors.NodeRegistry_AlreadyJoined.selector, _friends[0], INodeRegistry.Status.Unbonding
            ),
            "join"
        );
        refused(
            _friends[0],
            address(registry),
            abi.encodeCall(registry.resume, ()),
            abi.encodeWithSelector(
                Errors.NodeRegistry_WrongStatus.selector, _friends[0], INodeRegistry.Status.Unbonding
            ),
            "resume"
        );
        refused(
            _friends[0],
            address(registry),
            abi.encodeCall(registry.withdrawStake, ()),
            abi.encodeWithSelector(
                Errors.NodeRegistry_StillUnbonding.selector, _friends[0], block.timestamp + registry.unbondingSeconds()
            ),
            "withdraw"
        );
    }
}
