// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {INodeRegistry} from "../../contracts/interfaces/INodeRegistry.sol";
import {ITaskConsensus} from "../../contracts/interfaces/ITaskConsensus.sol";
import {Errors} from "../../contracts/libraries/Errors.sol";
import {NetworkTest} from "./base/NetworkTest.sol";

/// @dev The cheatcodes that only this file needs.
interface FileVm {
    function readFile(string calldata path) external view returns (string memory);
    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256);
    function parseJsonUintArray(string calldata json, string calldata key) external pure returns (uint256[] memory);
    function parseJsonIntArray(string calldata json, string calldata key) external pure returns (int256[] memory);
    function envOr(string calldata name, uint256 defaultValue) external view returns (uint256);
    function revertToStateAndDelete(uint256 id) external returns (bool);
    function toString(int256 value) external pure returns (string memory);
    function assertEq(int256 a, int256 b, string calldata message) external pure;
}

/// @notice The formulas of docs/economics.md, played on the contracts. An operator owns 10 of 30 nodes, which follow one
/// strategy; the others are honest. Every single task must bring to the wei what the formula says for as many of the operator's
/// nodes as it drew. How often it drew how many, and with it the mean, must be within four standard deviations.
/// What the formulas give comes from bench/economics (`node bench/economics.js --write`). `ECONOMICS_TASKS` is the number of
/// tasks for each strategy.
contract EconomicsTest is NetworkTest {
    FileVm private constant fileVm = FileVm(address(vm));
    bytes32 private constant OWN_GPU = keccak256("a name that nobody else uses");
    address private constant _CONSOLE = 0x000000000000000000636F6e736F6c652e6c6f67;

    string private vectors;
    uint256 private feeWei;
    uint256 private own;
    uint256 private tasks;

    /// @dev What a task brought.
    struct Payoff {
        int256 ownWei;
        int256 othersWei;
        int256 creatorWei;
    }

    /// @dev What the nodes of the operator do in a task that drew at least `from` of them.
    struct Strategy {
        string name;
        uint256 from;
        Move move;
        bool uploads;
    }

    function setUp() public override {
        super.setUp();
        vectors = fileVm.readFile("test/contracts/vectors/economics.json");
        feeWei = fileVm.parseJsonUint(vectors, ".feeWei");
        own = fileVm.parseJsonUint(vectors, ".own");
        tasks = fileVm.envOr("ECONOMICS_TASKS", 300);
        fund(creator, 10_000_000 ether);
        vm.prank(creator);
        consensus.deposit(10_000_000 ether);
    }

    /// @dev The page's figures are about the rules that networks are deployed with.
    function test_TheRulesAreThoseOfThePage() external view {
        vm.assertEq(registry.minimumStakeWei(), fileVm.parseJsonUint(vectors, ".stakeWei"), "stake");
        vm.assertEq(registry.penaltyBasisPoints(), fileVm.parseJsonUint(vectors, ".penaltyBasisPoints"), "penalty");
        vm.assertEq(consensus.errorFeeBasisPoints(), fileVm.parseJsonUint(vectors, ".errorFeeBasisPoints"), "error fee");
        vm.assertEq(
            consensus.maximumExecutionTimeoutSeconds(),
            fileVm.parseJsonUint(vectors, ".longestExecutionSeconds"),
            "longest execution"
        );
    }

    // ---- strategies

    function test_Honest() external {
        _simulate(Strategy("honest", 1, result(A), true));
    }

    function test_LiesTogether() external {
        _simulate(Strategy("liesTogether", 2, result(B), true));
    }

    function test_LiesAlways() external {
        _simulate(Strategy("liesAlways", 1, result(B), true));
    }

    function test_Silent() external {
        _simulate(Strategy("silent", 1, silent(), true));
    }

    function test_SaysUnavailable() external {
        _simulate(Strategy("unavailable", 1, failure(2), true));
    }

    function test_SaysInvalid() external {
        _simulate(Strategy("invalid", 1, failure(1), true));
    }

    function test_WithholdsItsUploads() external {
        _simulate(Strategy("withholds", 1, result(A), false));
    }

    /// @dev Text for any model, with the operator's nodes under a name of their own: three of them or none.
    function test_LiesTogetherUnderAGpuModelOfItsOwn() external {
        Strategy memory strategy = Strategy("liesTogether", 2, result(bytes.concat(keccak256("lie"))), true);
        _addNodes(OWN_GPU);
        _check("textOfOwnModel", strategy, _play(strategy, textRequest(), result(bytes.concat(keccak256("truth")))));
    }

    function _simulate(Strategy memory strategy) private {
        _addNodes(GPU);
        _check("image", strategy, _play(strategy, request(), result(A)));
    }

    function _addNodes(bytes32 ownGpu) private {
        uint256 count = fileVm.parseJsonUint(vectors, ".nodes");
        for (uint256 i = 0; i < count; ++i) {
            addNode(i < own ? ownGpu : GPU, 24);
        }
    }

    // ---- playing

    /// @return counts How many tasks drew 0, 1, 2 and 3 of the operator's nodes.
    function _play(Strategy memory strategy, ITaskConsensus.TaskRequest memory request_, Move memory honest)
        private
        returns (uint256[4] memory counts)
    {
        string memory at = string.concat(".payoffs.", strategy.name);
        int256[] memory ownWei = fileVm.parseJsonIntArray(vectors, string.concat(at, ".ownWei"));
        int256[] memory othersWei = fileVm.parseJsonIntArray(vectors, string.concat(at, ".othersWei"));
        int256[] memory creatorWei = fileVm.parseJsonIntArray(vectors, string.concat(at, ".creatorWei"));
        request_.feeWei = feeWei;
        for (uint256 i = 0; i < tasks; ++i) {
            (uint256 k, Payoff memory payoff) = this.playOne(strategy, request_, honest, i);
            fileVm.assertEq(payoff.ownWei, ownWei[k], string.concat("the operator, own nodes: ", vm.toString(k)));
            fileVm.assertEq(payoff.othersWei, othersWei[k], string.concat("the others, own nodes: ", vm.toString(k)));
            fileVm.assertEq(payoff.creatorWei, creatorWei[k], string.concat("the creator, own nodes: ", vm.toString(k)));
            ++counts[k];
        }
    }

    /// @dev In a call of its own, so that its memory is given back.
    function playOne(
        Strategy memory strategy,
        ITaskConsensus.TaskRequest memory request_,
        Move memory honest,
        uint256 number
    ) external returns (uint256 k, Payoff memory payoff) {
        request_.taskKey = keccak256(abi.encode(number));
        uint256 creatorBefore = consensus.balanceOf(creator);
        bytes32 taskId = create(request_);
        uint256 drawBlock = block.number;
        nextBlock();
        vm.setBlockhash(drawBlock, keccak256(abi.encode(strategy.name, number)));
        consensus.start(taskId);

        address[3] memory three = drawn(taskId);
        uint256[3] memory before;
        for (uint256 slot = 0; slot < 3; ++slot) {
            before[slot] = _wealth(three[slot]);
            if (_isOwn(three[slot])) ++k;
        }
        bool deviates = k >= strategy.from;
        _playMoves(taskId, three, deviates ? strategy.move : honest, honest);
        _deliver(taskId, !deviates || strategy.uploads);

        payoff.creatorWei = int256(consensus.balanceOf(creator)) - int256(creatorBefore);
        for (uint256 slot = 0; slot < 3; ++slot) {
            int256 change = int256(_wealth(three[slot])) - int256(before[slot]);
            if (_isOwn(three[slot])) payoff.ownWei += change;
            else payoff.othersWei += change;
            _restore(three[slot]);
        }
    }

    /// @dev The operator's nodes commit first: whoever lies needs no time, and who is first is asked to upload.
    function _playMoves(bytes32 taskId, address[3] memory three, Move memory ownMove, Move memory honest) private {
        Move[3] memory moves;
        uint8[3] memory order;
        uint256 next;
        for (uint256 pass = 0; pass < 2; ++pass) {
            for (uint8 slot = 0; slot < 3; ++slot) {
                if (_isOwn(three[slot]) != (pass == 0)) continue;
                moves[slot] = pass == 0 ? ownMove : honest;
                order[next++] = slot;
            }
        }
        play(taskId, moves, order);
    }

    function _deliver(bytes32 taskId, bool ownUpload) private {
        for (;;) {
            ITaskConsensus.TaskView memory task = consensus.task(taskId);
            if (task.state != ITaskConsensus.State.AwaitingUpload) return;
            if (_isOwn(task.uploader) && !ownUpload) {
                vm.warp(task.uploadDeadline + 1);
                consensus.advance(taskId);
            } else {
                upload(taskId, keccak256("digest"));
            }
        }
    }

    /// @dev Every task begins with the same nodes and stakes.
    function _restore(address wallet) private {
        INodeRegistry.NodeView memory node = registry.node(wallet);
        if (node.stakeWei < STAKE) token.transfer(wallet, STAKE - node.stakeWei);
        vm.startPrank(wallet);
        if (node.status == INodeRegistry.Status.None) {
            registry.join(STAKE, GPU, 24, keccak256(abi.encode(wallet)), address(0));
        } else {
            if (node.stakeWei < STAKE) registry.increaseStake(STAKE - node.stakeWei);
            if (node.status == INodeRegistry.Status.Paused) registry.resume();
        }
        vm.stopPrank();
    }

    function _wealth(address wallet) private view returns (uint256) {
        return consensus.balanceOf(wallet) + registry.node(wallet).stakeWei;
    }

    function _isOwn(address wallet) private view returns (bool) {
        return uint160(wallet) - 0x10000 < own;
    }

    // ---- attacks that no stake deters

    /// @dev Three nodes wait in pause until tasks without arguments have taken everybody else, and then are the network.
    function test_ThreeNodesAreTheNetworkWhileTheOthersWaitForArguments() external {
        own = 3;
        uint256[2] memory fees = [uint256(3), feeWei];
        // 20 % of each fee, rounded down for each of three.
        uint256[2] memory costs = [uint256(0), 4 * 6 ether];
        addNodes(15);
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(nodes[i]);
            registry.pause();
        }
        uint256 snapshot = vm.snapshotState();
        for (uint256 i = 0; i < 2; ++i) {
            ITaskConsensus.TaskRequest memory bait = request();
            bait.feeWei = fees[i];
            bait.executionTimeoutSeconds = uint32(consensus.maximumExecutionTimeoutSeconds());
            uint256 before = consensus.balanceOf(creator);
            bytes32[4] memory baits;
            for (uint256 j = 0; j < 4; ++j) {
                bait.taskKey = keccak256(abi.encode("bait", j));
                baits[j] = start(bait);
            }
            vm.assertEq(registry.availableCount(false, 0, 0), 0, "all busy");
            for (uint256 j = 0; j < 3; ++j) {
                vm.prank(nodes[j]);
                registry.resume();
            }
            bytes32 taskId = started();
            address[3] memory three = drawn(taskId);
            vm.assertTrue(_isOwn(three[0]) && _isOwn(three[1]) && _isOwn(three[2]), "all of the operator");
            play(taskId, result(B), result(B), result(B));
            upload(taskId, keccak256("digest"));
            vm.assertEq(_wealth(nodes[0]) + _wealth(nodes[1]) + _wealth(nodes[2]), 3 * STAKE + FEE, "the whole fee");
            for (uint256 j = 0; j < 4; ++j) {
                play(baits[j], failure(2), failure(2), failure(2));
            }
            vm.assertEq(before - FEE - consensus.balanceOf(creator), costs[i], "what the baits cost");
            vm.revertToState(snapshot);
        }
    }

    /// @dev Whoever has two nodes creates a task, looks who will be drawn, and takes it back for nothing until both of them are,
    /// with an honest third. Then they lie, and it loses its stake. Nobody else calls `start` meanwhile.
    function test_ACreatorCanWaitForADrawThatItLikes() external {
        own = 2;
        addNodes(fileVm.parseJsonUint(vectors, ".drawsUntilPair.nodes"));
        uint256 before = _wealth(creator) + _wealth(nodes[0]) + _wealth(nodes[1]);
        uint256 snapshot = vm.snapshotState();
        uint256 rounds = tasks / 10;
        uint256 tries;
        for (uint256 i = 0; i < rounds; ++i) {
            address victim;
            while (victim == address(0)) {
                ++tries;
                victim = this.tryDraw(keccak256(abi.encode("try", tries)));
            }
            vm.assertEq(uint256(statusOf(victim)), uint256(INodeRegistry.Status.None), "the honest third is slashed");
            vm.assertEq(
                _wealth(creator) + _wealth(nodes[0]) + _wealth(nodes[1]), before, "and the operator paid nothing"
            );
            vm.revertToState(snapshot);
        }
        // The deviation of the number of tries is a little less than its mean.
        uint256 mean = fileVm.parseJsonUint(vectors, ".drawsUntilPair.mean");
        uint256 tolerance = 4 * mean / FixedPointMathLib.sqrt(rounds);
        uint256 measured = tries * 1_000 / rounds;
        _log("| tasks until both of two nodes out of ten are drawn |", int256(measured), int256(mean), tolerance);
        vm.assertLe(measured, mean + tolerance, "tries");
        vm.assertGe(measured + tolerance, mean, "tries");
    }

    /// @return victim Who was slashed, or zero when the draw was declined.
    function tryDraw(bytes32 taskKey) external returns (address victim) {
        ITaskConsensus.TaskRequest memory request_ = request();
        request_.taskKey = taskKey;
        bytes32 taskId = create(request_);
        nextBlock();
        uint256 snapshot = vm.snapshotState();
        consensus.start(taskId);
        address[3] memory three = drawn(taskId);
        uint256 count;
        for (uint256 slot = 0; slot < 3; ++slot) {
            if (_isOwn(three[slot])) ++count;
            else victim = three[slot];
        }
        if (count < 2) {
            fileVm.revertToStateAndDelete(snapshot);
            vm.prank(creator);
            vm.expectRevert(abi.encodeWithSelector(Errors.TaskConsensus_CanStart.selector, taskId));
            consensus.cancel(taskId);
            // What is left: to hope that nobody starts it for 256 blocks.
            vm.roll(block.number + 256);
            vm.prank(creator);
            consensus.cancel(taskId);
            return address(0);
        }
        _playMoves(taskId, three, result(B), result(A));
        upload(taskId, keccak256("digest"));
    }

    /// @dev Where the pool is as small as a rare GPU model's, the first draw is it.
    function test_ANodeOfARareGpuModelIsChosenAtOnce() external {
        own = 2;
        addNode(OWN_GPU, 24);
        addNode(OWN_GPU, 24);
        address victim = addNode(OWN_GPU, 24);
        addNodes(20);
        ITaskConsensus.TaskRequest memory request_ = request();
        request_.gpuModel = OWN_GPU;
        uint256 before = _wealth(creator) + _wealth(nodes[0]) + _wealth(nodes[1]);
        bytes32 taskId = start(request_);
        _playMoves(taskId, drawn(taskId), result(B), result(A));
        upload(taskId, keccak256("digest"));
        vm.assertEq(uint256(statusOf(victim)), uint256(INodeRegistry.Status.None), "slashed");
        vm.assertEq(_wealth(creator) + _wealth(nodes[0]) + _wealth(nodes[1]), before, "for nothing");
    }

    // ---- silence

    function test_PenaltiesUntilResumingNeedsStake() external {
        uint256[] memory leftWei = fileVm.parseJsonUintArray(vectors, ".stakeAfterPenaltiesWei");
        addNodes(3);
        address node = nodes[0];
        for (uint256 count = 1; count < leftWei.length; ++count) {
            bytes32 taskId = started();
            address[3] memory three = drawn(taskId);
            Move[3] memory moves;
            for (uint256 slot = 0; slot < 3; ++slot) {
                moves[slot] = three[slot] == node ? silent() : result(A);
            }
            play(taskId, moves, [0, 1, 2]);
            upload(taskId, keccak256("digest"));
            vm.assertEq(registry.node(node).stakeWei, leftWei[count], "what is left");
            if (count == leftWei.length - 1) {
                vm.expectRevert(
                    abi.encodeWithSelector(
                        Errors.NodeRegistry_StakeTooLow.selector, leftWei[count], registry.resumeStakeWei()
                    )
                );
            }
            vm.prank(node);
            registry.resume();
        }
    }

    // ---- comparing

    function _check(string memory draw, Strategy memory strategy, uint256[4] memory counts) private view {
        uint256[] memory chances = fileVm.parseJsonUintArray(vectors, string.concat(".chances.", draw));
        int256[] memory ownWei = fileVm.parseJsonIntArray(vectors, string.concat(".payoffs.", strategy.name, ".ownWei"));
        int256 expected;
        int256 square;
        int256 measured;
        string memory line = string.concat("| ", strategy.name, " (", draw, ") |");
        for (uint256 k = 0; k < 4; ++k) {
            // In thousandths of a task; a chance p makes n·p ± 4·√(n·p·(1 − p)).
            uint256 mean = tasks * chances[k] / 1e6;
            uint256 deviation = 4 * FixedPointMathLib.sqrt(mean * (1e9 - chances[k]) / 1e6);
            vm.assertLe(counts[k] * 1_000, mean + deviation + 1_000, "drawn too often");
            vm.assertGe(counts[k] * 1_000 + deviation + 1_000, mean, "drawn too rarely");
            line = string.concat(line, k == 0 ? " " : " / ", vm.toString(counts[k]));
            // In thousandths of a CNX.
            int256 value = ownWei[k] / 1e15;
            expected += value * int256(chances[k]);
            square += value * value * int256(chances[k]);
            measured += value * int256(counts[k]);
        }
        expected /= 1e9;
        measured /= int256(tasks);
        uint256 tolerance = 4 * FixedPointMathLib.sqrt(uint256(square / 1e9 - expected * expected) / tasks) + 10;
        uint256 difference = uint256(measured > expected ? measured - expected : expected - measured);
        _log(line, measured, expected, tolerance);
        vm.assertLe(difference, tolerance, "mean income of the operator");
    }

    /// @dev Thousandths, as people write them.
    function _decimal(int256 thousandths) private pure returns (string memory) {
        uint256 absolute = uint256(thousandths < 0 ? -thousandths : thousandths);
        bytes memory digits = bytes(vm.toString(1_000 + absolute % 1_000));
        digits[0] = ".";
        return string.concat(thousandths < 0 ? "-" : "", vm.toString(absolute / 1_000), string(digits));
    }

    /// @dev A row of the page's table. `node bench/economics.js --simulate` prints them all.
    function _log(string memory row, int256 measured, int256 expected, uint256 tolerance) private view {
        row = string.concat(row, " | ", _decimal(measured), " | ", _decimal(expected), " | ");
        row = string.concat(row, _decimal(int256(tolerance)), " |");
        (bool done,) = _CONSOLE.staticcall(abi.encodeWithSignature("log(string)", row));
        done;
    }
}
