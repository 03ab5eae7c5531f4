// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {NodeRegistry} from "../../contracts/NodeRegistry.sol";
import {TaskConsensus} from "../../contracts/TaskConsensus.sol";
import {INodePools} from "../../contracts/interfaces/INodePools.sol";
import {INodeRegistry} from "../../contracts/interfaces/INodeRegistry.sol";
import {Errors} from "../../contracts/libraries/Errors.sol";
import {NetworkTest} from "./base/NetworkTest.sol";

/// @notice Branches that no journey comes by. This contract is the TaskConsensus of the registry under test.
contract CornersTest is NetworkTest {
    function setUp() public override {
        super.setUp();
        registry = newRegistry(token, incentivePool, address(this), address(this));
    }

    function _asked(bytes32 seed, bool sameGpu, uint16 minVramGb) private view returns (INodePools.Draw memory) {
        return INodePools.Draw(seed, uint48(block.number), registry.layout(), sameGpu, minVramGb, 0);
    }

    function _draw() private returns (address[3] memory) {
        return registry.draw(_asked(SALT, false, 0));
    }

    /// @dev Its other task finds the same: nothing is left to take, and now it may join again.
    function test_ANodeThatWasSlashedWhileBusyIsSlashedAgain() external {
        addNodes(3);
        address node = _draw()[1];
        registry.slashForBounty(node, 0);
        vm.assertEq(token.balanceOf(address(incentivePool)), STAKE);
        fund(node, STAKE);
        vm.prank(node);
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_StillHeld.selector, node));
        registry.join(STAKE, GPU, 24, SALT, address(0));
        registry.settleOne(node, INodePools.Action.FreeAndSlash);
        vm.assertEq(token.balanceOf(address(incentivePool)), STAKE, "once");
        vm.prank(node);
        registry.join(STAKE, GPU, 24, SALT, address(0));
        assertStatus(node, INodeRegistry.Status.Available, "again");
    }

    /// @dev The same for one that wants to pause or to leave after its task.
    function test_ANodeThatWasSlashedWhilePausingOrLeavingWaitsToo() external {
        for (uint256 i = 0; i < 2; ++i) {
            while (registry.availableCount(false, 0, 0) < 3) {
                addNode();
            }
            address node = _draw()[0];
            vm.startPrank(node);
            if (i == 0) registry.pause();
            else registry.leave();
            vm.stopPrank();
            registry.slashForBounty(node, 0);
            fund(node, STAKE);
            vm.prank(node);
            vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_StillHeld.selector, node));
            registry.join(STAKE, GPU, 24, SALT, address(0));
        }
    }

    function test_APenaltyOfNothingOnlyPauses() external {
        addNodes(3);
        registry.setPenalty(0);
        address node = _draw()[0];
        registry.settleOne(node, INodePools.Action.FreeAndPenalise);
        assertStatus(node, INodeRegistry.Status.Paused, "paused");
        vm.assertEq(registry.node(node).stakeWei, STAKE);
    }

    function test_AStakeThatIsHeldLongerThanUnbondingLastsStaysHeld() external {
        address node = addNode();
        uint256 until = block.timestamp + 2 * registry.unbondingSeconds();
        vm.assertTrue(registry.holdStake(node, until));
        vm.prank(node);
        registry.leave();
        vm.assertEq(registry.node(node).unbondingEndsAt, until);
        vm.warp(until - 1);
        vm.prank(node);
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_StillUnbonding.selector, node, until));
        registry.withdrawStake();
        vm.warp(until);
        vm.prank(node);
        registry.withdrawStake();
        vm.assertEq(token.balanceOf(node), STAKE);
    }

    function test_ANodeMayNameItselfAsBeneficiary() external {
        address node = address(0xBEEF);
        fund(node, STAKE);
        vm.prank(node);
        registry.join(STAKE, GPU, 24, SALT, node);
        vm.assertEq(registry.node(node).beneficiary, node);
        // A wish that is not effective yet: still itself.
        vm.prank(node);
        registry.setBeneficiary(address(0xCAFE));
        vm.assertEq(registry.node(node).beneficiary, node);
        vm.assertEq(registry.node(node).pendingBeneficiary, address(0xCAFE));
        vm.warp(block.timestamp + registry.unbondingSeconds());
        vm.assertEq(registry.node(node).beneficiary, address(0xCAFE));
    }

    function test_AConsensusRefusesARegistryThatObeysAnother() external {
        vm.expectRevert(
            abi.encodeWithSelector(
                Errors.TaskConsensus_RegistryForeign.selector, address(registry), registry.CONSENSUS()
            )
        );
        new TaskConsensus(IERC20(address(token)), INodePools(address(registry)), address(this));
    }

    /// @dev The parameters' storage word as 65,535 relays would leave it; the getters show that it is that word.
    function test_ThereAreNumbersFor65535Relays() external {
        uint256 word = 60 | (7_200 << 16) | (300 << 32) | (600 << 48) | (2_000 << 64) | (65_534 << 80) | (7 << 96)
            | (uint256(11) << 104);
        vm.store(address(consensus), bytes32(uint256(6)), bytes32(word));
        vm.assertEq(consensus.hammingThreshold(), 7);
        vm.assertEq(consensus.minimumFeeWei(), 11);
        consensus.setRelay(address(0xAA), "https://last.example");
        vm.expectRevert(abi.encodeWithSelector(Errors.TaskConsensus_TooManyRelays.selector, 65_535));
        consensus.setRelay(address(0xAB), "https://one-too-many.example");
        // Those that have a number can still be changed.
        consensus.setRelay(address(0xAA), "https://moved.example");
        vm.assertEq(consensus.relayUrl(address(0xAA)), "https://moved.example");
    }

    function test_TextWithNobodyFree() external {
        INodePools.Draw memory asked = _asked(SALT, true, 0);
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_TooFewNodes.selector, 0));
        registry.draw(asked);
    }

    /// @dev Eight random nodes lead to no model with three in more than half of the draws: then the models take turns.
    function test_Text_TheOnlyModelWithThreeIsFound() external {
        for (uint256 i = 0; i < 28; ++i) {
            addNode(keccak256(abi.encode(i)), 24);
        }
        addNodes(3);
        for (uint256 seed = 0; seed < 20; ++seed) {
            address[3] memory wallets = registry.draw(_asked(keccak256(abi.encode(seed)), true, 0));
            for (uint256 i = 0; i < 3; ++i) {
                vm.assertEq(registry.node(wallets[i]).gpuModel, GPU);
                registry.settleOne(wallets[i], INodePools.Action.Free);
            }
        }
    }

    /// @dev A draw reads the VRAM of a bounded number of nodes: with hundreds of the tier that have too little it gives up.
    function test_ADrawAmongTooSmallNodesEnds() external {
        for (uint256 i = 0; i < 120; ++i) {
            addNode(GPU, 8);
        }
        INodePools.Draw memory asked = _asked(SALT, false, 10);
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_TooFewNodes.selector, 0));
        registry.draw(asked);
    }

    /// @dev Who joined after the draw block fits as well, and stands behind the three who were there, whatever the seed says.
    function test_NewcomersStandBehindThoseWhoWereThere() external {
        for (uint256 i = 0; i < 33; ++i) {
            addNode(GPU, i < 3 ? 12 : 8);
        }
        INodePools.Draw memory asked = _asked(SALT, false, 10);
        vm.roll(block.number + 1);
        for (uint256 i = 0; i < 20; ++i) {
            addNode(GPU, 12);
        }
        for (uint256 seed = 0; seed < 20; ++seed) {
            asked.seed = keccak256(abi.encode(seed));
            address[3] memory wallets = registry.draw(asked);
            for (uint256 i = 0; i < 3; ++i) {
                vm.assertTrue(wallets[i] == nodes[0] || wallets[i] == nodes[1] || wallets[i] == nodes[2]);
                registry.settleOne(wallets[i], INodePools.Action.Free);
            }
        }
    }
}
