// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {INodePools} from "../../contracts/interfaces/INodePools.sol";
import {INodeRegistry} from "../../contracts/interfaces/INodeRegistry.sol";
import {ITaskConsensus} from "../../contracts/interfaces/ITaskConsensus.sol";
import {Errors} from "../../contracts/libraries/Errors.sol";
import {NetworkTest} from "./base/NetworkTest.sol";

/// @notice Who is drawn: only those who may, three different ones, every one as often as any other.
contract DrawTest is NetworkTest {
    bytes32 private constant OTHER_GPU = keccak256("Apple M3 Max");

    function _draw(uint256 seed, bool sameGpu, uint256 minVramGb, bytes32 gpuModel)
        private
        returns (address[3] memory wallets)
    {
        vm.prank(address(consensus));
        return registry.draw(keccak256(abi.encode(seed)), sameGpu, minVramGb, gpuModel);
    }

    function _free(address[3] memory wallets) private {
        vm.prank(address(consensus));
        registry.settle(wallets, [INodePools.Action.Free, INodePools.Action.Free, INodePools.Action.Free]);
    }

    function _pause(address node) private {
        vm.prank(node);
        registry.pause();
    }

    function _assertDistinct(address[3] memory wallets) private pure {
        vm.assertTrue(wallets[0] != wallets[1] && wallets[0] != wallets[2] && wallets[1] != wallets[2], "distinct");
    }

    // ---- requirements

    function testFuzz_ThreeDistinctFreeNodesWithEnoughVram(uint256 seed, uint256 minVramGb, uint256 paused) external {
        minVramGb = bound(minVramGb, 0, 90);
        uint256 fit;
        for (uint256 i = 0; i < 24; ++i) {
            uint32 vramGb = uint32(1 + uint256(keccak256(abi.encode(seed, i))) % 96);
            address node = addNode(GPU, vramGb);
            if ((paused >> i) & 1 != 0) _pause(node);
            else if (vramGb >= minVramGb) ++fit;
        }
        vm.assertEq(registry.availableCount(false, uint32(minVramGb), 0), fit, "counted");
        if (fit < 3) {
            vm.prank(address(consensus));
            vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_TooFewNodes.selector, fit));
            registry.draw(keccak256(abi.encode(seed)), false, minVramGb, 0);
            return;
        }
        address[3] memory wallets = _draw(seed, false, minVramGb, 0);
        _assertDistinct(wallets);
        for (uint256 i = 0; i < 3; ++i) {
            INodeRegistry.NodeView memory node = registry.node(wallets[i]);
            vm.assertEq(uint256(node.status), uint256(INodeRegistry.Status.Busy));
            vm.assertGe(node.vramGb, minVramGb, "enough VRAM");
        }
        vm.assertEq(registry.availableCount(false, uint32(minVramGb), 0), fit - 3, "taken");
        _free(wallets);
        vm.assertEq(registry.availableCount(false, uint32(minVramGb), 0), fit, "freed");
    }

    /// @dev 10 GB is inside of the tier 8…12: members of that tier count only with 10 GB or more.
    function test_AMinimumInsideOfATierIsExact() external {
        addNode(GPU, 8);
        addNode(GPU, 9);
        addNode(GPU, 10);
        addNode(GPU, 11);
        addNode(GPU, 12);
        vm.assertEq(registry.availableCount(false, 10, 0), 3);
        for (uint256 seed = 0; seed < 20; ++seed) {
            address[3] memory wallets = _draw(seed, false, 10, 0);
            for (uint256 i = 0; i < 3; ++i) {
                vm.assertGe(registry.node(wallets[i]).vramGb, 10, "enough");
            }
            _free(wallets);
        }
    }

    function test_Text_ThreeOfOneModel() external {
        for (uint256 i = 0; i < 4; ++i) {
            addNode(GPU, 24);
            addNode(OTHER_GPU, 64);
            addNode(keccak256(abi.encode(i)), 24); // alone
        }
        for (uint256 seed = 0; seed < 20; ++seed) {
            address[3] memory wallets = _draw(seed, true, 0, OTHER_GPU);
            _assertDistinct(wallets);
            for (uint256 i = 0; i < 3; ++i) {
                vm.assertEq(registry.node(wallets[i]).gpuModel, OTHER_GPU);
            }
            _free(wallets);
            wallets = _draw(seed, true, 0, 0);
            _assertDistinct(wallets);
            bytes32 model = registry.node(wallets[0]).gpuModel;
            vm.assertTrue(model == GPU || model == OTHER_GPU, "one with three");
            vm.assertEq(registry.node(wallets[1]).gpuModel, model);
            vm.assertEq(registry.node(wallets[2]).gpuModel, model);
            _free(wallets);
        }
    }

    function test_Text_TooFewOfAnyModel() external {
        for (uint256 i = 0; i < 2; ++i) {
            addNode(GPU, 24);
            addNode(OTHER_GPU, 24);
        }
        vm.prank(address(consensus));
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_TooFewNodes.selector, 0));
        registry.draw(SALT, true, 0, 0);
        vm.prank(address(consensus));
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_TooFewNodes.selector, 2));
        registry.draw(SALT, true, 0, GPU);
        vm.prank(address(consensus));
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_TooFewNodes.selector, 0));
        registry.draw(SALT, true, 0, keccak256("unknown"));
    }

    // ---- stable; uniformity is in draw/Uniform.t.sol

    /// @dev How many of one draw are in another.
    function _common(address[3] memory a, address[3] memory b) private pure returns (uint256 count) {
        for (uint256 i = 0; i < 9; ++i) {
            if (a[i / 3] == b[i % 3]) ++count;
        }
    }

    /// @dev Security row 14: what others pause or resume does not change who is drawn, except for those very nodes.
    function test_TogglingANodeMovesNobodyElse() external {
        addNodes(40);
        uint256 changed;
        for (uint256 seed = 0; seed < 200; ++seed) {
            uint256 snapshot = vm.snapshotState();
            address[3] memory before = _draw(seed, false, 0, 0);
            vm.revertToState(snapshot);
            snapshot = vm.snapshotState();
            address toggled = nodes[seed % 40];
            bool wasDrawn = before[0] == toggled || before[1] == toggled || before[2] == toggled;
            _pause(toggled);
            address[3] memory then = _draw(seed, false, 0, 0);
            vm.assertEq(_common(before, then), wasDrawn ? 2 : 3, "the others stay");
            if (wasDrawn) ++changed;
            vm.revertToState(snapshot);
        }
        vm.assertTrue(changed > 0 && changed < 40, "3 in 40 of 200");
    }

    /// @dev Nor does a node that joins or leaves, except where the draw meets it.
    function test_JoiningAndLeavingMovesNobodyElse() external {
        for (uint256 i = 0; i < 40; ++i) {
            addNode(GPU, i % 2 == 0 ? 6 : 24); // 20 in each of two tiers
        }
        uint256 changed;
        for (uint256 seed = 0; seed < 100; ++seed) {
            uint256 snapshot = vm.snapshotState();
            address[3] memory before = _draw(seed, false, 0, 0);
            vm.revertToState(snapshot);

            snapshot = vm.snapshotState();
            address joined = addNode(GPU, seed % 2 == 0 ? 6 : 24);
            address[3] memory then = _draw(seed, false, 0, 0);
            bool met = then[0] == joined || then[1] == joined || then[2] == joined;
            vm.assertEq(_common(before, then), met ? 2 : 3, "joining");
            if (met) ++changed;
            vm.revertToState(snapshot);

            snapshot = vm.snapshotState();
            address left = nodes[seed % 40];
            vm.prank(left);
            registry.leave();
            then = _draw(seed, false, 0, 0);
            met = before[0] == left || before[1] == left || before[2] == left;
            vm.assertEq(_common(before, then), met ? 2 : 3, "leaving");
            if (met) ++changed;
            vm.revertToState(snapshot);
        }
        vm.assertTrue(changed > 0 && changed < 60, "past those nodes only");
    }

    /// @dev The creating block's hash is not known to the transaction that creates, and `start` is not possible in it: a
    /// contract that creates, looks and reverts sees nothing to like or dislike.
    function test_CreateAndRevertSeesNoDraw() external {
        addNodes(6);
        bytes32 taskId = create(request());
        vm.assertEq(blockhash(block.number), bytes32(0));
        vm.expectPartialRevert(Errors.TaskConsensus_DrawTooEarly.selector);
        consensus.start(taskId);
    }

    function test_TheDrawFollowsTheCreatingBlocksHash() external {
        addNodes(12);
        bytes32 taskId = create(request());
        uint256 drawBlock = block.number;
        nextBlock();
        uint256 differences;
        uint256 snapshot = vm.snapshotState();
        vm.setBlockhash(drawBlock, keccak256("hash"));
        consensus.start(taskId);
        address[3] memory first = drawn(taskId);
        vm.revertToState(snapshot);
        for (uint256 i = 0; i < 10; ++i) {
            snapshot = vm.snapshotState();
            vm.setBlockhash(drawBlock, keccak256(abi.encode(i)));
            consensus.start(taskId);
            address[3] memory other = drawn(taskId);
            if (keccak256(abi.encode(other)) != keccak256(abi.encode(first))) ++differences;
            vm.revertToState(snapshot);
        }
        vm.assertGe(differences, 8, "another hash, another draw");
        vm.setBlockhash(drawBlock, keccak256("hash"));
        nextBlock();
        consensus.start(taskId);
        vm.assertEq(keccak256(abi.encode(drawn(taskId))), keccak256(abi.encode(first)));
    }
}
