// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ITaskConsensus} from "../../../contracts/interfaces/ITaskConsensus.sol";
import {NodePools} from "../../../contracts/libraries/NodePools.sol";
import {NetworkTest} from "../base/NetworkTest.sol";

/// @notice What everything costs, as own transactions: with the 21,000 gas that each costs before it does anything, and with
/// cold storage. In test/contracts/snapshots/Task.json; a test run fails where a figure has changed.
/// @dev The usual case: nodes and creator have balances, and the network has run tasks before.
contract TaskGasTest is NetworkTest {
    string private constant GROUP = "Task";
    /// @dev A draw takes more or fewer looks, so its cost is a mean over that many tasks. The other steps' are, too.
    uint256 private constant ROUNDS = 20;

    /// @dev Where NodeRegistry keeps its pools: `forge inspect NodeRegistry storage-layout`.
    uint256 private constant SIZES = 3;
    uint256 private constant MEMBERS = 4;
    uint256 private constant AVAILABLE = 5;
    uint256 private constant OCCUPIED = 6;
    uint256 private constant MODELS = 7;

    mapping(string step => uint256 gas) private _used;
    uint256 private _total;

    function setUp() public override {
        super.setUp();
        addNodes(6);
        for (uint256 i = 0; i < 6; ++i) {
            fund(nodes[i], 1);
            vm.prank(nodes[i]);
            consensus.deposit(1);
        }
    }

    function _lastCall() private view returns (uint256) {
        return vm.lastCallGas().gasTotalUsed;
    }

    function _count(string memory step) private {
        _used[step] += _lastCall();
        _total += _lastCall();
    }

    function _save(string memory name, uint256 gas) private {
        vm.snapshotValue(GROUP, name, gas);
    }

    /// @dev One successful task; the nodes commit in the order of the draw, and reveal in it.
    function _play(uint256 round, uint8 images, bytes memory score) private {
        ITaskConsensus.TaskRequest memory request_ = request();
        request_.imageCount = images;
        bytes32 taskId = create(request_);
        _count("create");
        nextBlock();
        vm.setBlockhash(block.number - 1, keccak256(abi.encode(round)));
        consensus.start(taskId);
        _count("start");
        address[3] memory node = drawn(taskId);
        for (uint256 i = 0; i < 3; ++i) {
            bytes32 commitment = commitmentOf(taskId, node[i], 0, score);
            vm.prank(node[i]);
            consensus.commit(taskId, i, commitment);
            _count(i == 0 ? "commit" : i == 1 ? "commit second" : "commit third");
        }
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(node[i]);
            consensus.reveal(taskId, i, 0, score, SALT);
            _count(i == 0 ? "reveal first" : i == 1 ? "reveal second" : "reveal last");
        }
        bytes32 digest = keccak256(abi.encode(round));
        bytes memory signature = receipt(RELAY_KEY, taskId, digest, 1_000, node[0]);
        vm.prank(node[0]);
        consensus.reportUploaded(taskId, digest, 1_000, signature);
        _count("report");
    }

    /// forge-config: default.isolate = true
    function test_Gas_TheStepsOfATask() external {
        for (uint256 round = 0; round < ROUNDS; ++round) {
            _play(round, 1, A);
        }
        _save("createTask", _used["create"] / ROUNDS);
        _save("start_6_nodes", _used["start"] / ROUNDS);
        _save("commit", _used["commit"] / ROUNDS);
        _save("commit_second", _used["commit second"] / ROUNDS);
        _save("commit_third", _used["commit third"] / ROUNDS);
        _save("reveal_first", _used["reveal first"] / ROUNDS);
        _save("reveal_second", _used["reveal second"] / ROUNDS);
        _save("reveal_last", _used["reveal last"] / ROUNDS);
        _save("reportUploaded", _used["report"] / ROUNDS);
        _save("task_total", _total / ROUNDS);
        vm.assertLe(_total / ROUNDS, 700_000, "goal for a whole successful task");
    }

    /// forge-config: default.isolate = true
    function test_Gas_TenImages() external {
        bytes memory score;
        for (uint256 i = 0; i < 10; ++i) {
            score = bytes.concat(score, A);
        }
        for (uint256 round = 0; round < ROUNDS; ++round) {
            _play(round, 10, score);
        }
        _save("task_total_10_images", _total / ROUNDS);
    }

    /// forge-config: default.isolate = true
    function test_Gas_MembersAndMoney() external {
        addNode();
        _save("join", _lastCall());
        address wallet = address(0xBEEF);
        fund(wallet, STAKE);
        vm.prank(wallet);
        registry.join(STAKE, GPU, 24, SALT, address(0xC01D));
        _save("join_with_beneficiary", _lastCall());
        vm.prank(wallet);
        registry.pause();
        _save("pause", _lastCall());
        vm.prank(wallet);
        registry.resume();
        _save("resume", _lastCall());
        vm.prank(wallet);
        registry.leave();
        _save("leave", _lastCall());
        vm.warp(block.timestamp + 1_800);
        vm.prank(wallet);
        registry.withdrawStake();
        _save("withdrawStake", _lastCall());

        fund(creator, FEE);
        vm.prank(creator);
        consensus.deposit(FEE);
        _save("deposit", _lastCall());
        vm.prank(creator);
        consensus.withdraw(creator, FEE);
        _save("withdraw", _lastCall());
        bytes32 taskId = create(request());
        vm.prank(creator);
        consensus.cancel(taskId);
        _save("cancel", _lastCall());
    }

    function _startCost(ITaskConsensus.TaskRequest memory request_) private returns (uint256) {
        uint256 sum;
        for (uint256 i = 0; i < ROUNDS; ++i) {
            uint256 snapshot = vm.snapshotState();
            bytes32 taskId = create(request_);
            nextBlock();
            vm.setBlockhash(block.number - 1, keccak256(abi.encode(i)));
            consensus.start(taskId);
            sum += _lastCall();
            vm.revertToState(snapshot);
        }
        return sum / ROUNDS;
    }

    /// @dev Leaves only some of `size` members available, all of one tier and model. Written right into the registry's storage,
    /// because ten thousand nodes that join and pause take a minute. The views say whether that was done right.
    function _populate(uint256 size, function(uint256) pure returns (bool) isFree) private {
        uint256 tier = NodePools.tierOf(24);
        uint256 free;
        uint256 bits = 1 << NodePools.WORD;
        uint256 occupied = bits;
        uint256 everybody = bits;
        for (uint256 i = 0; i < size; ++i) {
            // Since block 0.
            bytes32 member = bytes32((1 << 176) | (24 << 160) | uint256(uint160(0x10000 + i)));
            vm.store(address(registry), _slot(MEMBERS, NodePools.placeOf(tier, i)), member);
            everybody |= 1 << (i % NodePools.WORD);
            if (isFree(i)) (bits, free) = (bits | (1 << (i % NodePools.WORD)), free + 1);
            if (i % NodePools.WORD != NodePools.WORD - 1 && i != size - 1) continue;
            uint256 word = i / NodePools.WORD;
            vm.store(address(registry), _slot(AVAILABLE, (tier << 32) | word), bytes32(bits));
            bytes32 model = _slot(MODELS, 1);
            vm.store(
                address(registry), keccak256(abi.encode((tier << 32) | word, uint256(model) + 1)), bytes32(everybody)
            );
            if (bits != 1 << NodePools.WORD) occupied |= 1 << word;
            (bits, everybody) = (1 << NodePools.WORD, 1 << NodePools.WORD);
        }
        vm.store(address(registry), _slot(OCCUPIED, tier << 32), bytes32(occupied));
        vm.store(address(registry), _slot(MODELS, 1), bytes32(size));
        vm.store(address(registry), bytes32(SIZES), bytes32(size << (tier * NodePools.POSITION_BITS)));
        vm.assertEq(registry.memberCount(), size, "members");
        vm.assertEq(registry.availableCount(false, 0, 0), free, "available");
        vm.assertEq(registry.availableCount(true, 0, GPU), free, "available of the model");
    }

    function _slot(uint256 mapping_, uint256 key) private pure returns (bytes32) {
        return keccak256(abi.encode(key, mapping_));
    }

    function _everyFourth(uint256 i) private pure returns (bool) {
        return i % 4 == 3;
    }

    function _threeOfThousand(uint256 i) private pure returns (bool) {
        return i == 3 || i == 500 || i == 999;
    }

    function _threeOfTenThousand(uint256 i) private pure returns (bool) {
        return i == 3 || i == 5_000 || i == 9_999;
    }

    /// forge-config: default.isolate = true
    function test_Gas_StartInLargeNetworks() external {
        _populate(300, _everyFourth);
        _save("start_300_nodes_quarter_free", _startCost(request()));
        _populate(1_000, _everyFourth);
        _save("start_1000_nodes_quarter_free", _startCost(request()));
        _save("start_text_1000_nodes_quarter_free", _startCost(textRequest()));
        _populate(1_000, _threeOfThousand);
        _save("start_1000_nodes_3_free", _startCost(request()));
        _populate(10_000, _everyFourth);
        _save("start_10000_nodes_quarter_free", _startCost(request()));
        _save("start_text_10000_nodes_quarter_free", _startCost(textRequest()));
        _populate(10_000, _threeOfTenThousand);
        _save("start_10000_nodes_3_free", _startCost(request()));
        _save("start_text_10000_nodes_3_free", _startCost(textRequest()));
    }
}
