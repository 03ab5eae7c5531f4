// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ITaskConsensus} from "../../../contracts/interfaces/ITaskConsensus.sol";
import {HostileTest} from "../base/HostileTest.sol";

/// @notice Security row 15: whoever makes a block may put its time 15 seconds off. Nodes that keep that far from their
/// deadlines, and strangers that wait that long after them, see the same outcome whatever the clock does at each step.
contract ClockTest is HostileTest {
    uint256 private constant OFF = 15;
    uint256 private _steps;
    uint256 private _now;

    function setUp() public override {
        super.setUp();
        addNodes(3);
    }

    /// @dev The next block, at `at` by honest clocks; its maker lies by −15, 0 or +15 s.
    function _at(uint256 at) private {
        uint256 lie = _steps % 3;
        _steps /= 3;
        _now = at;
        uint256 shown = at + OFF * lie - OFF;
        vm.roll(block.number + 1);
        vm.warp(shown > block.timestamp ? shown : block.timestamp + 1);
    }

    /// @dev All agree, all in the last moment that keeps the distance.
    function _honest() private returns (bytes32 taskId) {
        taskId = create(request());
        _at(_now + 1);
        consensus.start(taskId);
        for (uint256 i = 0; i < 3; ++i) {
            _at(consensus.task(taskId).commitDeadline - 2 * OFF + i);
            commit(taskId, i, 0, A);
        }
        for (uint256 i = 0; i < 3; ++i) {
            _at(consensus.task(taskId).revealDeadline - 2 * OFF + i);
            reveal(taskId, i, 0, A);
        }
        _at(consensus.task(taskId).uploadDeadline - 2 * OFF);
        upload(taskId, "digest");
        _at(consensus.task(taskId).uploadDeadline + 2 * OFF);
    }

    /// @dev One never commits, one never reveals, nobody uploads.
    function _lazy() private returns (bytes32 taskId) {
        taskId = create(request());
        _at(_now + 1);
        consensus.start(taskId);
        commit(taskId, 0, 0, A);
        commit(taskId, 1, 0, A);
        _at(consensus.task(taskId).commitDeadline + 2 * OFF);
        consensus.advance(taskId);
        reveal(taskId, 0, 0, A);
        _at(consensus.task(taskId).revealDeadline + 2 * OFF);
        consensus.advance(taskId);
    }

    /// @dev A faulty upload, faulted in the last moment, and replaced in the last moment.
    function _faulty() private returns (bytes32 taskId) {
        taskId = create(request());
        _at(_now + 1);
        consensus.start(taskId);
        play(taskId, result(A), result(A), result(A));
        _at(consensus.task(taskId).uploadDeadline - 2 * OFF);
        upload(taskId, "digest");
        _at(consensus.task(taskId).uploadDeadline - 2 * OFF);
        accuse(taskId, "digest");
        _at(consensus.task(taskId).uploadDeadline - 2 * OFF);
        upload(taskId, "another");
    }

    function _run(uint256 scenario, uint256 lies) private returns (bytes32 outcome) {
        _steps = lies;
        _now = block.timestamp;
        bytes32 taskId = scenario == 0 ? _honest() : scenario == 1 ? _lazy() : _faulty();
        ITaskConsensus.TaskView memory task = consensus.task(taskId);
        outcome = keccak256(
            abi.encode(task.state, task.abortReason, task.uploader, task.redelivery, consensus.balanceOf(creator))
        );
        for (uint256 i = 0; i < 3; ++i) {
            outcome = keccak256(
                abi.encode(
                    outcome,
                    task.slots[i].revealed,
                    registry.node(nodes[i]).stakeWei,
                    registry.node(nodes[i]).status,
                    consensus.balanceOf(nodes[i])
                )
            );
        }
    }

    function test_FifteenSecondsChangeNothing() external {
        ITaskConsensus.State[3] memory ends =
            [ITaskConsensus.State.Completed, ITaskConsensus.State.Aborted, ITaskConsensus.State.Completed];
        for (uint256 scenario = 0; scenario < 3; ++scenario) {
            bytes32 expected;
            for (uint256 lies = 0; lies < 100; ++lies) {
                uint256 snapshot = vm.snapshotState();
                // 1 in base 3, repeated: a clock that never lies. Then all sorts of lies.
                uint256 digits =
                    lies == 0 ? 88_573 : lies == 1 ? 0 : lies == 2 ? 177_146 : uint256(keccak256(abi.encode(lies)));
                bytes32 outcome = _run(scenario, digits);
                if (lies == 0) expected = outcome;
                vm.assertEq(outcome, expected, string.concat("scenario ", vm.toString(scenario)));
                assertState(
                    consensus.taskIdOf(creator, keccak256(abi.encode("task", taskCount - 1))), ends[scenario], "end"
                );
                vm.revertToState(snapshot);
            }
        }
    }
}
