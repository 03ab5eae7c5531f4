// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {INodeRegistry} from "../../contracts/interfaces/INodeRegistry.sol";
import {ITaskConsensus} from "../../contracts/interfaces/ITaskConsensus.sol";
import {NetworkTest} from "./base/NetworkTest.sol";
import {Vm} from "./base/TestBase.sol";

/// @notice Which events each journey leaves, all of them and in order: programs outside of the chain live by them.
contract EventsTest is NetworkTest {
    function setUp() public override {
        super.setUp();
        addNodes(3);
        vm.recordLogs();
    }

    /// @dev Compares the events of both contracts since the last call; those of the token are its own affair.
    function _said(bytes32[] memory expected, string memory what) private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 count;
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].emitter == address(token)) continue;
            vm.assertTrue(count < expected.length, string.concat(what, ": more events"));
            vm.assertEq(logs[i].topics[0], expected[count], string.concat(what, ": event ", vm.toString(count)));
            ++count;
        }
        vm.assertEq(count, expected.length, string.concat(what, ": number of events"));
    }

    function _list(bytes32 a) private pure returns (bytes32[] memory list) {
        list = new bytes32[](1);
        list[0] = a;
    }

    function _list(bytes32 a, bytes32 b) private pure returns (bytes32[] memory list) {
        list = new bytes32[](2);
        (list[0], list[1]) = (a, b);
    }

    function _list(bytes32 a, bytes32 b, bytes32 c) private pure returns (bytes32[] memory list) {
        list = new bytes32[](3);
        (list[0], list[1], list[2]) = (a, b, c);
    }

    function test_ATaskThatIsDeliveredFaultedAndGivenUp() external {
        bytes32 taskId = create(request());
        _said(_list(ITaskConsensus.TaskQueued.selector), "create");
        vm.roll(block.number + 257);
        consensus.start(taskId);
        _said(_list(ITaskConsensus.TaskRedrawn.selector), "too late");
        nextBlock();
        consensus.start(taskId);
        _said(_list(ITaskConsensus.TaskStarted.selector), "start");
        commit(taskId, 0, 0, A);
        _said(_list(ITaskConsensus.Committed.selector), "commit");
        commit(taskId, 1, 0, A);
        vm.getRecordedLogs();
        vm.warp(consensus.task(taskId).commitDeadline + 1);
        consensus.advance(taskId);
        _said(_list(ITaskConsensus.RevealsOpened.selector), "advance");
        reveal(taskId, 0, 0, A);
        _said(_list(ITaskConsensus.Revealed.selector), "reveal");
        reveal(taskId, 1, 0, A);
        bytes32[] memory verdict = new bytes32[](6);
        verdict[0] = ITaskConsensus.Revealed.selector;
        verdict[1] = ITaskConsensus.NodeSilent.selector;
        verdict[2] = ITaskConsensus.UploadAwaited.selector;
        verdict[3] = INodeRegistry.NodePenalised.selector;
        verdict[4] = INodeRegistry.NodePaused.selector;
        verdict[5] = ITaskConsensus.NodePaid.selector;
        _said(verdict, "verdict");
        upload(taskId, "digest");
        _said(
            _list(
                ITaskConsensus.UploadReported.selector,
                ITaskConsensus.TaskCompleted.selector,
                ITaskConsensus.NodePaid.selector
            ),
            "upload"
        );
        accuse(taskId, "digest");
        bytes32[] memory fault_ = new bytes32[](4);
        fault_[0] = ITaskConsensus.UploadFaulted.selector;
        fault_[1] = ITaskConsensus.NodeCheated.selector;
        fault_[2] = INodeRegistry.NodeSlashed.selector;
        fault_[3] = ITaskConsensus.UploadAwaited.selector;
        _said(fault_, "fault");
        vm.warp(consensus.task(taskId).uploadDeadline + 1);
        consensus.advance(taskId);
        bytes32[] memory missed = new bytes32[](4);
        missed[0] = ITaskConsensus.UploadMissed.selector;
        missed[1] = keccak256("RedeliveryFailed(bytes32,uint256)");
        missed[2] = INodeRegistry.NodePenalised.selector;
        missed[3] = INodeRegistry.NodePaused.selector;
        _said(missed, "missed");
    }

    function test_TasksThatAreAborted() external {
        bytes32 taskId = create(request());
        vm.getRecordedLogs();
        vm.prank(creator);
        consensus.cancel(taskId);
        _said(_list(ITaskConsensus.TaskAborted.selector), "cancel");

        taskId = started();
        play(taskId, failure(1), failure(1), failure(1));
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 paid;
        uint256 aborted;
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == ITaskConsensus.NodePaid.selector) ++paid;
            if (logs[i].topics[0] == ITaskConsensus.TaskAborted.selector) ++aborted;
        }
        vm.assertEq(paid, 3, "reporters");
        vm.assertEq(aborted, 1, "aborted");
    }

    function test_MoneyAndRelays() external {
        vm.startPrank(creator);
        consensus.withdraw(creator, 10);
        _said(_list(ITaskConsensus.Withdrawn.selector), "withdraw");
        consensus.deposit(10);
        _said(_list(ITaskConsensus.Deposited.selector), "deposit");
        vm.stopPrank();
        consensus.setRelay(relay, "https://relay.example");
        _said(_list(keccak256("RelaySet(address,string)")), "setRelay");
        consensus.removeRelay(relay);
        _said(_list(keccak256("RelayRemoved(address)")), "removeRelay");
        consensus.setExecutionTimeouts(60, 61);
        bytes32 parameter = keccak256("ParameterSet(bytes32,uint256)");
        _said(_list(parameter, parameter), "timeouts");
        consensus.setRevealWindow(60);
        _said(_list(parameter), "reveal window");
        consensus.setUploadWindow(60);
        _said(_list(parameter), "upload window");
        consensus.setHammingThreshold(6);
        _said(_list(parameter), "threshold");
        consensus.setErrorFee(6);
        _said(_list(parameter), "error fee");
        consensus.setMinimumFee(6);
        _said(_list(parameter), "minimum fee");
    }

    function test_ANode() external {
        address node = nodes[0];
        vm.startPrank(node);
        registry.pause();
        _said(_list(INodeRegistry.NodePaused.selector), "pause");
        registry.resume();
        _said(_list(INodeRegistry.NodeResumed.selector), "resume");
        registry.setEncryptionKey("key");
        _said(_list(INodeRegistry.EncryptionKeyChanged.selector), "key");
        registry.setHardware(GPU, 80);
        _said(_list(INodeRegistry.HardwareChanged.selector), "hardware");
        registry.setBeneficiary(address(7));
        _said(_list(INodeRegistry.BeneficiaryChangeRequested.selector), "beneficiary");
        registry.leave();
        _said(_list(INodeRegistry.NodeLeaving.selector), "leave");
        vm.warp(block.timestamp + registry.unbondingSeconds());
        registry.withdrawStake();
        _said(_list(INodeRegistry.StakeWithdrawn.selector), "withdraw");
        vm.stopPrank();
        addNode();
        _said(_list(INodeRegistry.NodeJoined.selector), "join");
        fund(nodes[1], 1);
        vm.prank(nodes[1]);
        registry.increaseStake(1);
        _said(_list(INodeRegistry.StakeIncreased.selector), "increase");
    }
}
