// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ITaskConsensus} from "../../../contracts/interfaces/ITaskConsensus.sol";
import {Errors} from "../../../contracts/libraries/Errors.sol";
import {Vm} from "../base/TestBase.sol";
import {HostileTest} from "../base/HostileTest.sol";

/// @notice Security row 19, the chain's part: the hash of a task's arguments is said once, and no way leads to another one. That
/// nodes refuse what does not hash to it is tested with the nodes.
contract OtherArgumentsTest is HostileTest {
    address private _mallory = address(0xBAD);

    function setUp() public override {
        super.setUp();
        addNodes(3);
        fund(_mallory, 500 ether);
        vm.prank(_mallory);
        consensus.deposit(500 ether);
    }

    /// @dev Counts all that was ever said about a task's arguments.
    function _assertSaidOnce(bytes32 taskId, bytes32 argsHash) private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 times;
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] != ITaskConsensus.TaskQueued.selector || logs[i].topics[1] != taskId) continue;
            ++times;
            vm.assertEq(logs[i].topics[2], bytes32(uint256(uint160(creator))), "creator");
            (, uint256 feeWei, bytes32 said) = abi.decode(logs[i].data, (ITaskConsensus.Kind, uint256, bytes32));
            vm.assertEq(said, argsHash);
            vm.assertEq(feeWei, FEE);
        }
        vm.assertEq(times, 1, "said once");
    }

    /// @dev In each state of a task, the same key with another hash.
    function test_TheSameKeyWithOtherArguments() external {
        vm.recordLogs();
        ITaskConsensus.TaskRequest memory request_ = request();
        bytes32 taskId = create(request_);
        watched.push(taskId);
        ITaskConsensus.TaskRequest memory other = request_;
        bytes32 argsHash = request_.argsHash;
        other.argsHash = keccak256("other arguments");

        _refuse(other, taskId, "queued");
        nextBlock();
        consensus.start(taskId);
        _refuse(other, taskId, "started");
        commit(taskId, 0, 0, A);
        commit(taskId, 1, 0, A);
        commit(taskId, 2, 0, A);
        _refuse(other, taskId, "revealing");
        for (uint256 i = 0; i < 3; ++i) {
            reveal(taskId, i, 0, A);
        }
        _refuse(other, taskId, "awaiting upload");
        upload(taskId, "digest");
        _refuse(other, taskId, "completed");
        accuse(taskId, "digest");
        _refuse(other, taskId, "redelivery");
        _assertSaidOnce(taskId, argsHash);
    }

    function test_TheSameKeyAfterCancellingOrAborting() external {
        addNodes(3);
        ITaskConsensus.TaskRequest memory request_ = request();
        bytes32 taskId = create(request_);
        watched.push(taskId);
        vm.prank(creator);
        consensus.cancel(taskId);
        _refuse(request_, taskId, "cancelled");

        request_ = request();
        taskId = start(request_);
        watched.push(taskId);
        vm.warp(consensus.task(taskId).commitDeadline + 1);
        consensus.advance(taskId);
        request_.argsHash = keccak256("other arguments");
        _refuse(request_, taskId, "aborted");
    }

    function _refuse(ITaskConsensus.TaskRequest memory request_, bytes32 taskId, string memory what) private {
        refused(
            creator,
            address(consensus),
            abi.encodeCall(consensus.createTask, (request_)),
            abi.encodeWithSelector(Errors.TaskConsensus_TaskExists.selector, taskId),
            what
        );
    }

    /// @dev Someone else with the same key makes another task; he can neither block nor replace the creator's.
    function test_AnotherCreatorWithTheSameKey() external {
        ITaskConsensus.TaskRequest memory request_ = request();
        request_.argsHash = keccak256("other arguments");
        vm.prank(_mallory);
        bytes32 foreign = consensus.createTask(request_);
        request_.argsHash = keccak256("arguments");
        vm.recordLogs();
        bytes32 taskId = create(request_);
        vm.assertTrue(foreign != taskId, "another task");
        vm.assertEq(taskId, keccak256(abi.encode(creator, request_.taskKey)));
        vm.assertEq(consensus.task(foreign).creator, _mallory);
        vm.assertEq(consensus.task(taskId).creator, creator);
        _assertSaidOnce(taskId, request_.argsHash);
    }

    /// @dev What the nodes say about one task's arguments does not count for another's.
    function test_CommitmentsBelongToTheirTask() external {
        ITaskConsensus.TaskRequest memory request_ = request();
        bytes32 first = start(request_);
        watched.push(first);
        address node = drawn(first)[0];
        bytes32 second = consensus.taskIdOf(creator, "second");
        bytes32 commitment = commitmentOf(second, node, 0, A);
        accepted(node, address(consensus), commitCall(first, 0, commitment), "any 32 bytes");
        commit(first, 1, 0, A);
        commit(first, 2, 0, A);
        refused(
            node,
            address(consensus),
            revealCall(first, 0, 0, A, SALT),
            abi.encodeWithSelector(Errors.TaskConsensus_CommitmentMismatch.selector, first, node),
            "of another task"
        );
    }

    function test_ATaskWithoutArguments() external {
        ITaskConsensus.TaskRequest memory request_ = request();
        request_.argsHash = 0;
        refused(
            creator,
            address(consensus),
            abi.encodeCall(consensus.createTask, (request_)),
            abi.encodeWithSelector(Errors.TaskConsensus_ArgsHashZero.selector),
            "no hash"
        );
    }
}
