// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {INodeRegistry} from "../../../contracts/interfaces/INodeRegistry.sol";
import {ITaskConsensus} from "../../../contracts/interfaces/ITaskConsensus.sol";
import {InvariantBase} from "../base/InvariantBase.sol";
import {NetworkTest} from "../base/NetworkTest.sol";
import {Witness} from "./Witness.sol";
import {CreatorHandler} from "./handlers/CreatorHandler.sol";
import {DeliveryHandler} from "./handlers/DeliveryHandler.sol";
import {Network} from "./handlers/Handler.sol";
import {NodeHandler} from "./handlers/NodeHandler.sol";
import {OwnerHandler} from "./handlers/OwnerHandler.sol";
import {TimeHandler} from "./handlers/TimeHandler.sol";
import {WorkHandler} from "./handlers/WorkHandler.sol";
import {Members} from "./model/Members.sol";
import {Model} from "./model/Model.sol";
import {Tasks} from "./model/Tasks.sol";

/// @notice What holds after every call of a random campaign by everybody; README.md says it in prose.
/// @dev One invariant function, so that forge runs one campaign: the checks are cheap next to the calls.
contract InvariantsTest is InvariantBase, NetworkTest {
    uint256 private constant _WALLETS = 16;
    uint256 private constant _SECOND_RELAY_KEY = 0x5e1a8;
    /// @dev What the last step touched is checked after every step, all the rest after every so many.
    uint256 private constant _FULL_CHECK_EVERY = 64;
    /// @dev Verdict, and three times an upload that is missed.
    uint256 private constant _MOST_ADVANCES = 4;
    address private constant _SINK = address(0x51147);

    Model private _model;
    Witness private _witness;
    address[] private _creators;

    function setUp() public override {
        super.setUp();
        _model = new Model(block.timestamp, block.number);
        _witness = new Witness(_model);
        address[] memory relays = new address[](2);
        uint256[] memory keys = new uint256[](2);
        (keys[0], keys[1]) = (RELAY_KEY, _SECOND_RELAY_KEY);
        (relays[0], relays[1]) = (relay, vm.addr(_SECOND_RELAY_KEY));
        consensus.setRelay(relays[1], "https://relay.example");
        _model.setRelay(relays[0]);
        _model.setRelay(relays[1]);
        _setUpAccounts();

        Network memory network = Network({
            token: token,
            incentivePool: incentivePool,
            registry: registry,
            consensus: consensus,
            model: _model,
            witness: _witness
        });
        address[] memory payees = new address[](4);
        (payees[0], payees[1], payees[2], payees[3]) = (address(0xC01D1), address(0xC01D2), creator, nodes[0]);
        _target(address(new NodeHandler(network, payees)));
        _target(address(new CreatorHandler(network, _creators, relays)));
        // Forge takes every function of every handler equally often: a task needs much work.
        for (uint256 i = 0; i < 3; ++i) {
            _target(address(new WorkHandler(network)));
        }
        _target(address(new DeliveryHandler(network, keys)));
        _target(address(new OwnerHandler(network, address(this), _SINK, relays)));
        _target(address(new TimeHandler(network)));
        _sender(address(0x5e4de4));
    }

    /// @dev Twelve of sixteen wallets are members from the start, most of them with one GPU model.
    function _setUpAccounts() private {
        bytes32[3] memory gpuModels = [GPU, keccak256("NVIDIA L4"), keccak256("AMD Instinct MI300X")];
        for (uint256 i = 0; i < 3; ++i) {
            _model.addGpuModel(gpuModels[i]);
        }
        uint32[5] memory vramGb = [uint32(24), 24, 8, 80, 16];
        for (uint256 i = 0; i < _WALLETS; ++i) {
            address wallet = address(uint160(0x10000 + i));
            _model.addWallet(wallet);
            if (i < 12) {
                addNode(gpuModels[i < 8 ? 0 : 1], vramGb[i % 5]);
                bytes32 key = keccak256(abi.encode(wallet));
                _model.join(wallet, STAKE, gpuModels[i < 8 ? 0 : 1], vramGb[i % 5], key, address(0));
            } else {
                nodes.push(wallet);
            }
            fund(wallet, 1_000_000 ether);
        }
        _creators = [creator, address(0xC0FFE1), nodes[0]];
        fund(_creators[1], 1_000_000 ether);
        fund(creator, 1_000_000 ether);
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(_creators[i]);
            consensus.deposit(1_000 ether);
            _model.deposit(_creators[i], i == 0 ? 2_000 ether : 1_000 ether);
        }
    }

    // ------------------------------------------------------------------ after every call

    function invariant_Network() external {
        vm.warp(_model.timestamp());
        vm.roll(_model.blockNumber());
        bool all = _model.steps() % _FULL_CHECK_EVERY == 0;
        _checkTotals();
        vm.assertEq(_model.wronged(), 0, "an honest node of an honest majority was slashed");
        // Sums do not mend themselves: what was wrong once is found later.
        if (all) _checkStatistics();
        _checkNodes(all ? type(uint256).max : _model.touchedWallets());
        _checkLedgers(all ? _model.accounts() : _model.touchedAccounts());
        if (all) _checkTasks(_model.openTasks());
        else if (_model.touchedTask() != 0) _checkTask(_model.touchedTask());
        vm.assertTrue(!_model.stakeLeftTooSoon(), "a stake left before its upload was safe");
    }

    /// @dev Everything that either contract holds is somebody's.
    function _checkTotals() private view {
        vm.assertEq(
            token.balanceOf(address(consensus)),
            _model.ledgersWei() + _model.escrowWei() + _model.bountiesWei(),
            "consensus: ledgers, fees of tasks that have not ended, and bounties"
        );
        vm.assertEq(token.balanceOf(address(registry)), _model.stakesWei(), "registry: stakes");
        vm.assertEq(token.balanceOf(address(incentivePool)), _model.poolWei(), "pool: penalties and slashes");
    }

    function _checkLedgers(address[] memory accounts) private view {
        for (uint256 i = 0; i < accounts.length; ++i) {
            vm.assertEq(consensus.balanceOf(accounts[i]), _model.ledgerOf(accounts[i]), "a ledger balance");
        }
    }

    /// @dev What the events say is what happened.
    function _checkStatistics() private view {
        vm.assertEq(_witness.queued(), _model.tasks().length, "statistics: queued");
        vm.assertEq(_witness.completed(), _model.counted("ends: completed"), "statistics: completed");
        uint256 aborted;
        for (uint256 i = 1; i <= uint256(type(ITaskConsensus.AbortReason).max); ++i) {
            uint256 times = _model.aborts(ITaskConsensus.AbortReason(i));
            vm.assertEq(_witness.aborts(ITaskConsensus.AbortReason(i)), times, "statistics: a reason");
            aborted += times;
        }
        vm.assertEq(_witness.aborted(), aborted, "statistics: aborted");
        vm.assertEq(
            _witness.silent() + _witness.missed(),
            _model.counted("nodes: silent") + _model.counted("uploads: missed"),
            "statistics: silent"
        );
        vm.assertEq(
            _witness.cheated(),
            _model.counted("nodes: cheated") + _model.counted("uploads: faulted"),
            "statistics: cheated"
        );
        vm.assertEq(
            _witness.penalisedWei() + _witness.slashedWei(),
            _model.poolWei() + _model.distributedWei() + _model.bountiesEverWei(),
            "statistics: penalties and slashes"
        );
        vm.assertEq(_witness.paidToSlashed(), 0, "a node earned from the task that it was slashed for");
    }

    function _checkNodes(uint256 mask) private view {
        for (uint256 i = 0; i < nodes.length; ++i) {
            if ((mask >> i) & 1 != 0) _checkNode(nodes[i]);
        }
        if (mask == 0) return;
        vm.assertEq(registry.memberCount(), _model.memberCount(), "members");
        _checkPools(false, 24, 0);
        // One of six sizes at a time, each with every GPU model.
        if (mask == type(uint256).max) _checkPoolsOf(_model.steps() / _FULL_CHECK_EVERY);
    }

    function _checkPoolsOf(uint256 which) private view {
        uint32 vramGb = [uint32(0), 9, 16, 24, 41, 141][which % 6];
        bytes32[] memory gpuModels = _model.gpuModels();
        _checkPools(false, vramGb, 0);
        _checkPools(true, vramGb, 0);
        for (uint256 i = 0; i < gpuModels.length; ++i) {
            _checkPools(true, vramGb, gpuModels[i]);
        }
    }

    function _checkNode(address wallet) private view {
        INodeRegistry.NodeView memory node = registry.node(wallet);
        Members.Member memory member = _model.member(wallet);
        vm.assertEq(uint256(node.status), uint256(_model.statusOf(wallet)), "a node's status");
        vm.assertEq(node.stakeWei, member.stakeWei, "a node's stake");
        if (!member.joined) return;
        vm.assertEq(node.vramGb, member.vramGb, "a node's VRAM");
        vm.assertEq(node.gpuModel, member.gpuModel);
        vm.assertEq(node.encryptionKey, member.encryptionKey);
        vm.assertEq(node.beneficiary, _model.beneficiaryOf(wallet), "a node's beneficiary");
        vm.assertEq(node.unbondingEndsAt, member.unbonding ? _model.withdrawableAt(wallet) : 0, "end of unbonding");
        // One GPU model's pool changes with the node; the others are looked at now and then.
        _checkPools(true, 0, member.gpuModel);
    }

    /// @dev Who is in the draw: exactly those who are available, in the pools of their tier and of their GPU model.
    function _checkPools(bool sameGpu, uint32 minVramGb, bytes32 gpuModel) private view {
        vm.assertEq(
            registry.availableCount(sameGpu, minVramGb, gpuModel),
            _model.availableCount(sameGpu, minVramGb, gpuModel),
            "available nodes in the pools"
        );
    }

    function _checkTasks(bytes32[] memory taskIds) private view {
        for (uint256 i = 0; i < taskIds.length; ++i) {
            _checkTask(taskIds[i]);
        }
    }

    function _checkTask(bytes32 taskId) private view {
        ITaskConsensus.TaskView memory task = consensus.task(taskId);
        Tasks.Job memory job = _model.job(taskId);
        vm.assertEq(uint256(task.state), uint256(_stateOf(job)), "a task's state");
        if (job.phase == Tasks.Phase.None) return;
        vm.assertEq(uint256(task.abortReason), uint256(job.reason), "a task's reason");
        vm.assertTrue(task.redelivery == (job.phase == Tasks.Phase.Replacing), "a task's redelivery");
        if (job.phase == Tasks.Phase.Queued) vm.assertEq(task.drawBlock, job.drawBlock, "draw block");
        if (task.state == ITaskConsensus.State.Started) vm.assertEq(task.commitDeadline, job.deadline, "commits end");
        if (job.phase == Tasks.Phase.Revealing) vm.assertEq(task.revealDeadline, job.deadline, "reveals end");
        if (task.uploadDeadline != 0) {
            vm.assertEq(task.uploadDeadline, job.deadline, "upload ends");
            vm.assertEq(task.uploader, _model.uploaderOf(taskId), "uploader");
        }
        for (uint256 i = 0; i < 3; ++i) {
            vm.assertEq(task.slots[i].node, job.nodes[i], "a slot's node");
            vm.assertTrue(task.slots[i].committed == job.answers[i].committed, "a slot committed");
            vm.assertTrue(task.slots[i].revealed == job.answers[i].revealed, "a slot revealed");
            if (job.answers[i].revealed) {
                vm.assertEq(task.slots[i].outcome, job.answers[i].outcome, "a slot's outcome");
            }
        }
        _checkEnd(taskId, job);
    }

    /// @dev A task ends once, and what was paid for it went to its nodes or back.
    function _checkEnd(bytes32 taskId, Tasks.Job memory job) private view {
        Witness.Story memory story = _witness.storyOf(taskId);
        bool ended = job.phase >= Tasks.Phase.Completed;
        vm.assertEq(story.ends, ended ? 1 : 0, "a task ends once, by the events");
        vm.assertEq(job.ends, ended ? 1 : 0, "a task ends once, by the model");
        // Bounties are out of a stake, not out of the fee.
        vm.assertEq(job.paidWei + job.refundedWei, ended ? job.feeWei : job.paidWei, "fee = paid + refunded");
        vm.assertEq(story.refundedWei, job.refundedWei, "refunded, by the events");
        vm.assertEq(story.paidWei, job.paidWei + job.bountyPaidWei, "paid, by the events");
    }

    /// @dev As a transaction now would find it.
    function _stateOf(Tasks.Job memory job) private view returns (ITaskConsensus.State) {
        if (job.phase == Tasks.Phase.Computing) {
            bool due = block.timestamp > job.deadline && job.commits >= 2;
            return due ? ITaskConsensus.State.Revealing : ITaskConsensus.State.Started;
        }
        if (job.phase == Tasks.Phase.Replacing) return ITaskConsensus.State.Completed;
        if (job.phase == Tasks.Phase.Aborted) return ITaskConsensus.State.Aborted;
        return ITaskConsensus.State(uint256(job.phase));
    }

    // ------------------------------------------------------------------ at the end of every run

    /// @dev Everybody falls silent. Every task ends by its deadlines, every node leaves, everybody takes out what is his, and
    /// nothing remains.
    function afterInvariant() external {
        vm.warp(_model.timestamp());
        vm.roll(_model.blockNumber());
        _checkNodes(type(uint256).max);
        for (uint256 i = 0; i < 6; ++i) {
            _checkPoolsOf(i);
        }
        _checkTasks(_model.tasks());
        _checkLedgers(_model.accounts());
        _checkStatistics();
        _report();
        _endAllTasks();
        _emptyRegistry();
        _emptyConsensus();
    }

    function _endAllTasks() private {
        bytes32[] memory taskIds = _model.openTasks();
        // No draw is known any more: whatever is queued can be cancelled.
        _model.pass(1, 257);
        vm.warp(_model.timestamp());
        vm.roll(_model.blockNumber());
        for (uint256 i = 0; i < taskIds.length; ++i) {
            ITaskConsensus.TaskView memory task = consensus.task(taskIds[i]);
            if (task.state == ITaskConsensus.State.Queued) {
                _model.cancel(taskIds[i], task.creator);
                vm.recordLogs();
                vm.prank(task.creator);
                consensus.cancel(taskIds[i]);
                _witness.read(vm.getRecordedLogs());
            }
            for (uint256 j = 0; j < _MOST_ADVANCES; ++j) {
                Tasks.Job memory job = _model.job(taskIds[i]);
                if (job.phase == Tasks.Phase.Completed || job.phase == Tasks.Phase.Aborted) break;
                // Past this deadline, and the one for reveals that may follow from it.
                _pass(job.deadline + job.revealWindow + 1);
                _model.advance(taskIds[i]);
                vm.recordLogs();
                consensus.advance(taskIds[i]);
                _witness.read(vm.getRecordedLogs());
            }
            _checkTask(taskIds[i]);
            vm.assertEq(_model.job(taskIds[i]).ends, 1, "silence ends every task");
        }
        vm.assertEq(_model.escrowWei() + _model.bountiesWei(), 0, "nothing is in escrow when all tasks ended");
    }

    function _emptyRegistry() private {
        for (uint256 i = 0; i < nodes.length; ++i) {
            INodeRegistry.Status status = statusOf(nodes[i]);
            vm.assertTrue(
                status != INodeRegistry.Status.Busy && status != INodeRegistry.Status.PausePending
                    && status != INodeRegistry.Status.LeavePending,
                "no task, no busy node"
            );
            if (status == INodeRegistry.Status.None) continue;
            vm.startPrank(nodes[i]);
            if (status != INodeRegistry.Status.Unbonding) registry.leave();
            vm.warp(registry.node(nodes[i]).unbondingEndsAt);
            registry.withdrawStake();
            vm.stopPrank();
        }
        vm.assertEq(token.balanceOf(address(registry)), 0, "every stake came out, and nothing else was there");
        vm.assertEq(registry.memberCount(), 0, "no members");
        vm.assertEq(registry.availableCount(false, 0, 0), 0, "empty pools");
    }

    function _emptyConsensus() private {
        address[] memory accounts = _model.accounts();
        for (uint256 i = 0; i < accounts.length; ++i) {
            uint256 balanceWei = _model.ledgerOf(accounts[i]);
            if (balanceWei == 0) continue;
            vm.prank(accounts[i]);
            consensus.withdraw(_SINK, balanceWei);
        }
        vm.assertEq(token.balanceOf(address(consensus)), 0, "every ledger came out, and nothing else was there");
    }

    function _pass(uint256 timestamp) private {
        if (timestamp > _model.timestamp()) _model.pass(timestamp - _model.timestamp(), 1);
        vm.warp(_model.timestamp());
        vm.roll(_model.blockNumber());
    }

    /// @dev One line for each count to the file that the environment names: forge itself forgets what a run did.
    function _report() private {
        string memory path = vm.envOr("CRYNUX_INVARIANT_COUNTS", string(""));
        if (bytes(path).length == 0) return;
        bytes32[] memory names = _model.countNames();
        string memory lines = string.concat("calls,", vm.toString(_model.steps()), ",0");
        for (uint256 i = 0; i < names.length; ++i) {
            string memory counts =
                string.concat(vm.toString(_model.counted(names[i])), ",", vm.toString(_model.refused(names[i])));
            lines = string.concat(lines, "\n", _text(names[i]), ",", counts);
        }
        vm.writeLine(path, lines);
    }

    function _text(bytes32 name) private pure returns (string memory) {
        uint256 length;
        while (length < 32 && name[length] != 0) ++length;
        bytes memory text = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            text[i] = name[i];
        }
        return string(text);
    }
}
