// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ITaskConsensus} from "../../../contracts/interfaces/ITaskConsensus.sol";
import {HostileTest} from "../base/HostileTest.sol";

/// @notice Security row 17: nobody makes the steps of others dear by being many. The cost of each step with 3, 300 and
/// 3,000 nodes, of which a quarter are free; with 300 relays; and with 200 nodes that each made up a GPU model.
contract CrowdingTest is HostileTest {
    uint256 private constant ROUNDS = 6;
    /// @dev What a step may cost with many nodes, in percent of what it costs with three.
    uint256 private constant FLAT = 115;
    uint256 private constant START = 140;

    string[12] private _names = [
        "join",
        "createTask",
        "start",
        "first commit",
        "last commit",
        "first reveal",
        "last reveal",
        "reportUploaded",
        "reportFault",
        "pause",
        "leave",
        "withdrawStake"
    ];

    function _gas() private view returns (uint256) {
        return vm.lastCallGas().gasTotalUsed;
    }

    /// @dev As own transactions, as on a real chain.
    /// forge-config: default.isolate = true
    function test_ManyNodes() external {
        uint256[12] memory few;
        uint256[3] memory sizes = [uint256(3), 300, 3_000];
        for (uint256 k = 0; k < sizes.length; ++k) {
            while (nodes.length < sizes[k]) {
                this.addCrowd(sizes[k] - nodes.length > 500 ? 500 : sizes[k] - nodes.length);
            }
            uint256[12] memory costs;
            for (uint256 round = 0; round < ROUNDS; ++round) {
                uint256 snapshot = vm.snapshotState();
                uint256[12] memory one = _journey(round);
                vm.revertToState(snapshot);
                for (uint256 i = 0; i < costs.length; ++i) {
                    costs[i] += one[i] / ROUNDS;
                }
            }
            if (k == 0) few = costs;
            print("members", sizes[k]);
            for (uint256 i = 0; i < costs.length; ++i) {
                print(_names[i], costs[i]);
                vm.assertLe(
                    costs[i],
                    few[i] * (i == 2 ? START : FLAT) / 100,
                    string.concat(_names[i], " with members: ", vm.toString(sizes[k]))
                );
            }
        }
    }

    /// @dev In one transaction, which is quicker. The first three stay free, and every fourth one.
    function addCrowd(uint256 count) external {
        for (uint256 i = 0; i < count; ++i) {
            address node = addNode();
            if (nodes.length <= 3 || nodes.length % 4 == 0) continue;
            vm.prank(node);
            registry.pause();
        }
    }

    function _journey(uint256 round) private returns (uint256[12] memory costs) {
        bytes32 taskId = create(request());
        costs[1] = _gas();
        nextBlock();
        vm.setBlockhash(block.number - 1, keccak256(abi.encode(round)));
        consensus.start(taskId);
        costs[2] = _gas();
        address[3] memory wallets = drawn(taskId);
        for (uint256 i = 0; i < 3; ++i) {
            commit(taskId, i, 0, A);
            if (i == 0) costs[3] = _gas();
            if (i == 2) costs[4] = _gas();
        }
        for (uint256 i = 0; i < 3; ++i) {
            reveal(taskId, i, 0, A);
            if (i == 0) costs[5] = _gas();
            if (i == 2) costs[6] = _gas();
        }
        upload(taskId, "digest");
        costs[7] = _gas();
        bytes memory proof = fault(RELAY_KEY, taskId, "digest", consensus.task(taskId).uploader);
        consensus.reportFault(taskId, "digest", proof);
        costs[8] = _gas();
        vm.prank(wallets[1]);
        registry.pause();
        costs[9] = _gas();
        vm.prank(wallets[2]);
        registry.leave();
        costs[10] = _gas();
        // Also that of the redelivery, for which the stake is kept.
        vm.warp(block.timestamp + 2 * registry.unbondingSeconds());
        vm.prank(wallets[2]);
        registry.withdrawStake();
        costs[11] = _gas();
        // One that joins after the others, when there were some before: their number may have to grow by a word.
        addNode();
        nodes.pop();
        costs[0] = _gas();
    }

    /// @dev None is looked through.
    /// forge-config: default.isolate = true
    function test_ManyRelays() external {
        addNodes(3);
        create(request());
        uint256 few = _gas();
        for (uint256 i = 1; i <= 300; ++i) {
            consensus.setRelay(address(uint160(0xbeef0000 + i)), "https://relay.example");
        }
        ITaskConsensus.TaskRequest memory request_ = request();
        request_.relay = address(uint160(0xbeef0000 + 300));
        create(request_);
        print("createTask for the last of 301 relays", _gas());
        vm.assertLe(_gas(), few * 101 / 100, "last relay");
        consensus.removeRelay(address(uint160(0xbeef0000 + 1)));
        uint256 first = _gas();
        consensus.removeRelay(address(uint160(0xbeef0000 + 299)));
        vm.assertLe(_gas(), first * 101 / 100, "removing");
    }

    /// @dev Two hundred nodes under two hundred names, and sixty honest ones of one model. Who names a model is served
    /// whatever the block hash. Who takes any is served for most hashes, and for the others by waiting: a model is found by a
    /// random node that leads to it (eight are tried) or in turn (32 are tried), so that the search is never dear.
    /// forge-config: default.isolate = true
    function test_ManyMadeUpGpuModels() external {
        bytes32 model = keccak256("honest");
        for (uint256 i = 0; i < 260; ++i) {
            if (i % 13 < 3) addNode(model, 24);
            else addNode(keccak256(abi.encode("made up", i)), 24);
        }
        uint256 dearest;
        uint256 found;
        for (uint256 round = 0; round < 80; ++round) {
            uint256 snapshot = vm.snapshotState();
            bool named = round % 2 == 0;
            ITaskConsensus.TaskRequest memory request_ = textRequest();
            if (named) request_.gpuModel = model;
            bytes32 taskId = create(request_);
            nextBlock();
            vm.setBlockhash(block.number - 1, keccak256(abi.encode(round)));
            try consensus.start(taskId) {
                if (!named) ++found;
                for (uint256 i = 0; i < 3; ++i) {
                    vm.assertEq(registry.node(drawn(taskId)[i]).gpuModel, model);
                }
            } catch {
                vm.assertFalse(named, "of a named model: not found");
            }
            if (_gas() > dearest) dearest = _gas();
            vm.revertToState(snapshot);
        }
        print("start of a text task among 200 made-up models, at most", dearest);
        print("of 40 tasks for any model, started at the first try", found);
        vm.assertLe(dearest, 400_000, "dear");
        vm.assertGe(found, 32, "rarely found");
    }

    /// @dev Many accounts, tasks and deposits of others: nothing is summed up.
    /// forge-config: default.isolate = true
    function test_ManyTasks() external {
        addNodes(3);
        create(request());
        bytes32 taskId = started();
        vm.warp(consensus.task(taskId).commitDeadline + 1);
        consensus.advance(taskId);
        uint256 few = _gas();
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(nodes[i]);
            registry.resume();
        }
        for (uint256 i = 0; i < 20; ++i) {
            create(request());
        }
        taskId = started();
        vm.warp(consensus.task(taskId).commitDeadline + 1);
        consensus.advance(taskId);
        vm.assertLe(_gas(), few * 105 / 100, "the end of a task");
    }
}
