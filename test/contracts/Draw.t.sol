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

    /// @dev A draw whose block is the present one.
    function _asked(uint256 seed, bool sameGpu, uint256 minVramGb, bytes32 gpuModel)
        private
        view
        returns (INodePools.Draw memory)
    {
        return INodePools.Draw({
            seed: keccak256(abi.encode(seed)),
            drawBlock: uint48(block.number),
            layout: registry.layout(),
            sameGpu: sameGpu,
            minVramGb: uint16(minVramGb),
            gpuModel: gpuModel
        });
    }

    function _draw(INodePools.Draw memory asked) private returns (address[3] memory) {
        vm.prank(address(consensus));
        return registry.draw(asked);
    }

    function _draw(uint256 seed, bool sameGpu, uint256 minVramGb, bytes32 gpuModel)
        private
        returns (address[3] memory)
    {
        return _draw(_asked(seed, sameGpu, minVramGb, gpuModel));
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
            INodePools.Draw memory asked = _asked(seed, false, minVramGb, 0);
            vm.prank(address(consensus));
            vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_TooFewNodes.selector, fit));
            registry.draw(asked);
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
        _expectTooFew(_asked(0, true, 0, 0), 0);
        _expectTooFew(_asked(0, true, 0, GPU), 2);
        _expectTooFew(_asked(0, true, 0, keccak256("unknown")), 0);
    }

    function _expectTooFew(INodePools.Draw memory asked, uint256 found) private {
        vm.prank(address(consensus));
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_TooFewNodes.selector, found));
        registry.draw(asked);
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

    /// @dev Nor does a node that leaves, except where the draw meets it; and one that joins after the draw block is not met.
    function test_JoiningAndLeavingMovesNobodyElse() external {
        for (uint256 i = 0; i < 40; ++i) {
            addNode(GPU, i % 2 == 0 ? 6 : 24); // 20 in each of two tiers
        }
        uint256 met;
        for (uint256 seed = 0; seed < 100; ++seed) {
            INodePools.Draw memory asked = _asked(seed, false, 0, 0);
            uint256 snapshot = vm.snapshotState();
            address[3] memory before = _draw(asked);
            vm.revertToState(snapshot);
            nextBlock();

            // Into a tier with room, into one that becomes larger, into one that did not exist.
            snapshot = vm.snapshotState();
            for (uint256 i = 0; i < 20; ++i) {
                addNode(GPU, i < 15 ? 6 : seed % 2 == 0 ? 2 : 90);
            }
            vm.assertEq(_common(before, _draw(asked)), 3, "joining");
            vm.revertToState(snapshot);

            snapshot = vm.snapshotState();
            address left = nodes[seed % 40];
            vm.prank(left);
            registry.leave();
            bool wasDrawn = before[0] == left || before[1] == left || before[2] == left;
            vm.assertEq(_common(before, _draw(asked)), wasDrawn ? 2 : 3, "leaving");
            if (wasDrawn) ++met;
            vm.revertToState(snapshot);
        }
        vm.assertTrue(met > 0 && met < 30, "past those nodes only");
    }

    /// @dev A task that waits for nodes finds those who come.
    function test_NewNodesAreDrawnWhereThereAreTooFewOthers() external {
        addNodes(1);
        bytes32 taskId = create(request());
        nextBlock();
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_TooFewNodes.selector, 1));
        consensus.start(taskId);
        addNodes(2);
        consensus.start(taskId);
        assertState(taskId, ITaskConsensus.State.Started, "started");
    }

    /// @dev What counts is since when a node is where it is.
    function test_ANodeThatMovesToAnotherTierIsNewThere() external {
        addNodes(6);
        INodePools.Draw memory asked = _asked(1, false, 0, 0);
        nextBlock();
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(nodes[i]);
            registry.setHardware(GPU, 90);
        }
        address[3] memory wallets = _draw(asked);
        for (uint256 i = 0; i < 3; ++i) {
            vm.assertTrue(wallets[i] != nodes[0] && wallets[i] != nodes[1] && wallets[i] != nodes[2], "not who moved");
        }
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
