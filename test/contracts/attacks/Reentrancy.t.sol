// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ITaskConsensus} from "../../../contracts/interfaces/ITaskConsensus.sol";
import {IncentivePool} from "../../../contracts/IncentivePool.sol";
import {NodeRegistry} from "../../../contracts/NodeRegistry.sol";
import {Vm} from "../base/TestBase.sol";
import {HostileTest} from "../base/HostileTest.sol";
import {Attacker} from "./Attacker.sol";
import {HookedToken} from "./HookedToken.sol";

/// @notice Security row 16, first half. CNX calls nobody; here it is replaced by a token that calls an attacker in each
/// transfer. The attacker is creator, node and account at once, and from inside of each call that moves tokens makes
/// each other call. Whatever it does: nothing is made, nothing is lost, a task ends once.
contract ReentrancyTest is HostileTest {
    Attacker private _attacker;
    bytes32 private _queued;
    bytes32 private _running;

    struct Call {
        string name;
        address target;
        bytes data;
    }

    function setUp() public override {
        super.setUp();
        addNodes(2);
        _attacker = new Attacker();
        nodes.push(address(_attacker));
        fund(address(_attacker), STAKE + 500 ether);
        _act(address(registry), abi.encodeCall(NodeRegistry.join, (STAKE, GPU, 24, bytes32("key"), address(0))));
        _act(address(consensus), abi.encodeCall(consensus.deposit, (400 ether)));

        vm.etch(address(token), address(new HookedToken()).code);
        HookedToken(address(token)).setHook(_attacker);
        vm.recordLogs();
    }

    function _act(address target, bytes memory data) private {
        _attacker.act(target, data);
    }

    // ---- from inside of each call that moves tokens

    function test_Deposit() external {
        _queue();
        _fromInside("deposit", address(consensus), abi.encodeCall(consensus.deposit, (10 ether)));
    }

    function test_Withdraw() external {
        _queue();
        _fromInside("withdraw", address(consensus), abi.encodeCall(consensus.withdraw, (address(_attacker), 100 ether)));
    }

    function test_IncreaseStake() external {
        _queue();
        _fromInside("increaseStake", address(registry), abi.encodeCall(NodeRegistry.increaseStake, (10 ether)));
    }

    function test_WithdrawStake() external {
        _queue();
        _act(address(registry), abi.encodeCall(NodeRegistry.leave, ()));
        vm.warp(block.timestamp + registry.unbondingSeconds());
        _fromInside("withdrawStake", address(registry), abi.encodeCall(NodeRegistry.withdrawStake, ()));
    }

    function test_Join() external {
        _queue();
        _act(address(registry), abi.encodeCall(NodeRegistry.leave, ()));
        vm.warp(block.timestamp + registry.unbondingSeconds());
        _act(address(registry), abi.encodeCall(NodeRegistry.withdrawStake, ()));
        _fromInside(
            "join", address(registry), abi.encodeCall(NodeRegistry.join, (STAKE, GPU, 24, bytes32("key"), address(0)))
        );
    }

    /// @dev The attacker's own reveal settles the task and takes its stake.
    function test_SettleWithSlash() external {
        _startOwn();
        uint256 slot = slotOf(_running, address(_attacker));
        for (uint256 i = 0; i < 3; ++i) {
            commit(_running, i, 0, i == slot ? B : A);
        }
        for (uint256 i = 0; i < 3; ++i) {
            if (i != slot) reveal(_running, i, 0, A);
        }
        _fromInside("reveal", address(consensus), revealCall(_running, slot, 0, B, SALT));
    }

    /// @dev Two agreed, one is silent: `advance` settles, pays and penalises.
    function test_SettleWithPenalty() external {
        _startOwn();
        uint256 silentSlot = (slotOf(_running, address(_attacker)) + 1) % 3;
        for (uint256 i = 0; i < 3; ++i) {
            commit(_running, i, 0, A);
        }
        for (uint256 i = 0; i < 3; ++i) {
            if (i != silentSlot) reveal(_running, i, 0, A);
        }
        vm.warp(consensus.task(_running).revealDeadline + 1);
        _fromInside("advance (silent)", address(consensus), abi.encodeCall(consensus.advance, (_running)));
    }

    /// @dev An agreed error pays the reporters and refunds the rest.
    function test_SettleAnAgreedError() external {
        _startOwn();
        uint256 silentSlot = (slotOf(_running, address(_attacker)) + 1) % 3;
        for (uint256 i = 0; i < 3; ++i) {
            commit(_running, i, 1, "");
        }
        for (uint256 i = 0; i < 3; ++i) {
            if (i != silentSlot) reveal(_running, i, 1, "");
        }
        vm.warp(consensus.task(_running).revealDeadline + 1);
        _fromInside("advance (error)", address(consensus), abi.encodeCall(consensus.advance, (_running)));
    }

    function test_Abort() external {
        _startOwn();
        vm.warp(consensus.task(_running).commitDeadline + 1);
        _fromInside("advance (abort)", address(consensus), abi.encodeCall(consensus.advance, (_running)));
    }

    function test_MissedUpload() external {
        _startOwn();
        play(_running, result(A), result(A), result(A));
        for (uint256 i = 0; i < 3; ++i) {
            vm.warp(consensus.task(_running).uploadDeadline + 1);
            _fromInside("advance (upload)", address(consensus), abi.encodeCall(consensus.advance, (_running)));
        }
    }

    function test_Fault() external {
        _startOwn();
        play(_running, result(A), result(A), result(A));
        upload(_running, "digest");
        address uploader = consensus.task(_running).uploader;
        bytes memory proof = fault(RELAY_KEY, _running, "digest", uploader);
        _fromInside(
            "reportFault", address(consensus), abi.encodeCall(consensus.reportFault, (_running, "digest", proof))
        );
    }

    function test_MissedReplacement() external {
        _startOwn();
        play(_running, result(A), result(A), result(A));
        upload(_running, "digest");
        accuse(_running, "digest");
        for (uint256 i = 0; i < 2; ++i) {
            vm.warp(consensus.task(_running).uploadDeadline + 1);
            _fromInside("advance (replacement)", address(consensus), abi.encodeCall(consensus.advance, (_running)));
        }
    }

    /// @dev The attacker even owns the IncentivePool.
    function test_Distribute() external {
        token.transfer(address(incentivePool), 50 ether);
        incentivePool.transferOwnership(address(_attacker));
        _act(address(incentivePool), abi.encodeCall(incentivePool.acceptOwnership, ()));
        bytes memory distribute = abi.encodeCall(IncentivePool.distribute, (address(_attacker), 30 ether));
        uint256 heldWei = token.balanceOf(address(_attacker));
        _attacker.arm(address(incentivePool), distribute);
        vm.expectPartialRevert(IERC20Errors.ERC20InsufficientBalance.selector);
        _act(address(incentivePool), distribute);
        vm.assertEq(token.balanceOf(address(_attacker)), heldWei, "30 twice is more than 50");
    }

    // ---- the frame

    /// @dev A queued task of the attacker.
    function _queue() private {
        ITaskConsensus.TaskRequest memory request_ = request();
        ++taskCount;
        _act(address(consensus), abi.encodeCall(consensus.createTask, (request_)));
        _queued = consensus.taskIdOf(address(_attacker), request_.taskKey);
        nextBlock();
    }

    /// @dev A task of the attacker in which it is drawn, and a queued one.
    function _startOwn() private {
        _queue();
        _running = _queued;
        consensus.start(_running);
        _queue();
    }

    /// @dev What the attacker tries meanwhile.
    function _others() private view returns (Call[] memory calls) {
        address a = address(_attacker);
        uint256 slot = _running == 0 ? 0 : slotOf(_running, a);
        calls = new Call[](17);
        calls[0] = Call("deposit", address(consensus), abi.encodeCall(consensus.deposit, (1 ether)));
        calls[1] = Call("withdraw", address(consensus), abi.encodeCall(consensus.withdraw, (a, consensus.balanceOf(a))));
        calls[2] = Call("cancel", address(consensus), abi.encodeCall(consensus.cancel, (_queued)));
        calls[3] = Call("start", address(consensus), abi.encodeCall(consensus.start, (_queued)));
        calls[4] = Call("advance", address(consensus), abi.encodeCall(consensus.advance, (_running)));
        calls[5] = Call("reveal A", address(consensus), revealCall(_running, slot, 0, A, SALT));
        calls[6] = Call("reveal B", address(consensus), revealCall(_running, slot, 0, B, SALT));
        calls[7] = Call("commit", address(consensus), commitCall(_running, slot, "again"));
        calls[8] = Call("leave", address(registry), abi.encodeCall(NodeRegistry.leave, ()));
        calls[9] = Call("pause", address(registry), abi.encodeCall(NodeRegistry.pause, ()));
        calls[10] = Call("resume", address(registry), abi.encodeCall(NodeRegistry.resume, ()));
        calls[11] = Call("withdrawStake", address(registry), abi.encodeCall(NodeRegistry.withdrawStake, ()));
        calls[12] = Call("increaseStake", address(registry), abi.encodeCall(NodeRegistry.increaseStake, (1 ether)));
        calls[13] = Call(
            "join", address(registry), abi.encodeCall(NodeRegistry.join, (STAKE, GPU, 24, bytes32("key"), address(0)))
        );
        calls[14] = Call("setHardware", address(registry), abi.encodeCall(NodeRegistry.setHardware, (GPU, 80)));
        address uploader = _running == 0 ? a : consensus.task(_running).uploader;
        calls[15] = Call(
            "reportUploaded",
            address(consensus),
            abi.encodeCall(
                consensus.reportUploaded, (_running, "again", 1, receipt(RELAY_KEY, _running, "again", 1, a))
            )
        );
        calls[16] = Call(
            "reportFault",
            address(consensus),
            abi.encodeCall(consensus.reportFault, (_running, "digest", fault(RELAY_KEY, _running, "digest", uploader)))
        );
    }

    function _fromInside(string memory name, address target, bytes memory data) private {
        Call[] memory calls = _others();
        uint256 succeeded;
        for (uint256 i = 0; i < calls.length; ++i) {
            uint256 snapshot = vm.snapshotState();
            vm.getRecordedLogs();
            string memory what = string.concat(calls[i].name, " from inside of ", name);
            uint256 reentries = _attacker.reentries();
            _attacker.arm(calls[i].target, calls[i].data);
            // The whole may be refused; then nothing happened.
            try _attacker.act(target, data) {
                vm.assertEq(_attacker.reentries(), reentries + 1, what);
                succeeded += _attacker.successes();
            } catch {}
            _attacker.arm(address(0), "");
            if (_running != 0) _finish(_running);
            _finish(_queued);
            _assertEndedOnce(what);
            assertConserved(0, what);
            vm.assertEq(
                token.balanceOf(address(consensus)) + token.balanceOf(address(registry))
                    + token.balanceOf(address(incentivePool)) + token.balanceOf(address(_attacker)),
                1_500 ether + 3 * STAKE,
                what
            );
            vm.revertToState(snapshot);
        }
        vm.assertTrue(succeeded != 0, "some of it worked: the attacker was really inside");
        _attacker.act(target, data);
    }

    function _finish(bytes32 taskId) private {
        for (uint256 i = 0; i < 8; ++i) {
            ITaskConsensus.TaskView memory task = consensus.task(taskId);
            uint256 deadline = task.commitDeadline + task.revealDeadline;
            if (task.state == ITaskConsensus.State.Queued) {
                // Back to before the draw can be known.
                vm.roll(task.drawBlock);
                _act(address(consensus), abi.encodeCall(consensus.cancel, (taskId)));
                return;
            }
            if (task.state == ITaskConsensus.State.AwaitingUpload || task.redelivery) deadline = task.uploadDeadline;
            if (deadline == 0) return;
            if (block.timestamp <= deadline) vm.warp(deadline + 1);
            consensus.advance(taskId);
        }
        vm.assertTrue(false, "never ends");
    }

    /// @dev What has to happen once for each task happened at most once.
    function _assertEndedOnce(string memory what) private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        bytes32[2] memory tasks = [_running, _queued];
        for (uint256 t = 0; t < 2; ++t) {
            uint256 ends;
            uint256 starts;
            for (uint256 i = 0; i < logs.length; ++i) {
                bytes32 topic = logs[i].topics[0];
                if (topic == ITaskConsensus.TaskStarted.selector && abi.decode(logs[i].data, (bytes32)) == tasks[t]) {
                    ++starts;
                }
                if (logs[i].topics.length < 2 || logs[i].topics[1] != tasks[t]) continue;
                if (topic == ITaskConsensus.TaskCompleted.selector || topic == ITaskConsensus.TaskAborted.selector) {
                    ++ends;
                }
            }
            vm.assertLe(ends, 1, string.concat(what, ": ended twice"));
            vm.assertLe(starts, 1, string.concat(what, ": started twice"));
        }
    }
}
