// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {NodeRegistry} from "../../../contracts/NodeRegistry.sol";
import {INodeRegistry} from "../../../contracts/interfaces/INodeRegistry.sol";
import {ITaskConsensus} from "../../../contracts/interfaces/ITaskConsensus.sol";
import {HostileTest} from "../base/HostileTest.sol";
import {Attacker} from "./Attacker.sol";

/// @notice Security row 16, second half. Nodes, creators and beneficiaries that refuse whatever they are sent, or are one of
/// our own contracts: the others are paid and freed as ever, and only they themselves go without.
contract GriefingTest is HostileTest {
    Attacker private _attacker;

    function setUp() public override {
        super.setUp();
        addNodes(2);
        _attacker = new Attacker();
        fund(address(_attacker), STAKE + 500 ether);
    }

    /// @dev With the attacker as third node.
    function _join(address beneficiary) private {
        nodes.push(address(_attacker));
        _attacker.act(
            address(registry), abi.encodeCall(NodeRegistry.join, (STAKE, GPU, 24, bytes32("key"), beneficiary))
        );
    }

    function _assertPaidAndFreed(address beneficiary, string memory what) private {
        uint256 beforeWei = consensus.balanceOf(beneficiary);
        bytes32 taskId = agreed();
        upload(taskId, "digest");
        assertState(taskId, ITaskConsensus.State.Completed, what);
        for (uint256 i = 0; i < 3; ++i) {
            assertStatus(nodes[i], INodeRegistry.Status.Available, what);
        }
        uint256 othersWei = consensus.balanceOf(nodes[0]) + consensus.balanceOf(nodes[1]);
        uint256 gotWei = consensus.balanceOf(beneficiary) - beforeWei;
        vm.assertEq(othersWei + gotWei, FEE, string.concat(what, ": the whole fee"));
        vm.assertGe(consensus.balanceOf(nodes[0]), FEE / 3, string.concat(what, ": first"));
        vm.assertGe(consensus.balanceOf(nodes[1]), FEE / 3, string.concat(what, ": second"));
        vm.assertGe(gotWei, FEE / 3, string.concat(what, ": beneficiary"));
        vm.assertEq(
            token.balanceOf(address(consensus)),
            consensus.balanceOf(creator) + othersWei + gotWei,
            string.concat(what, ": ledger")
        );
    }

    /// @dev The stake comes back too, and nobody else's is touched.
    function _assertStakeReturns(address beneficiary, string memory what) private {
        uint256 heldWei = token.balanceOf(beneficiary);
        _attacker.act(address(registry), abi.encodeCall(NodeRegistry.leave, ()));
        vm.warp(block.timestamp + registry.unbondingSeconds());
        _attacker.act(address(registry), abi.encodeCall(NodeRegistry.withdrawStake, ()));
        if (beneficiary == address(registry)) {
            vm.assertEq(token.balanceOf(address(registry)), 3 * STAKE, string.concat(what, ": given away"));
        } else {
            vm.assertEq(token.balanceOf(beneficiary), heldWei + STAKE, string.concat(what, ": stake"));
            vm.assertEq(token.balanceOf(address(registry)), 2 * STAKE, string.concat(what, ": others"));
        }
        vm.expectRevert(
            abi.encodeWithSignature("NodeRegistry_WrongStatus(address,uint8)", address(_attacker), uint8(0))
        );
        _attacker.act(address(registry), abi.encodeCall(NodeRegistry.withdrawStake, ()));
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(nodes[i]);
            registry.leave();
        }
        vm.warp(block.timestamp + registry.unbondingSeconds());
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(nodes[i]);
            registry.withdrawStake();
            vm.assertEq(token.balanceOf(nodes[i]), STAKE, string.concat(what, ": the others get theirs"));
        }
    }

    /// @dev It refuses also what is no call to a function of its own.
    function test_TheAttackerRevertsOnEverything() external {
        (bool done,) = address(_attacker).call("");
        vm.assertFalse(done);
        (done,) = address(_attacker).call(hex"01020304");
        vm.assertFalse(done);
    }

    function test_ANodeThatRevertsOnEverything() external {
        _join(address(0));
        _assertPaidAndFreed(address(_attacker), "node");
        _assertStakeReturns(address(_attacker), "node");
    }

    function test_ANodeThatRevertsOnEverything_Slashed() external {
        _join(address(0));
        bytes32 taskId = started();
        Move[3] memory moves = [result(A), result(A), result(A)];
        moves[slotOf(taskId, address(_attacker))] = result(B);
        play(taskId, moves, [0, 1, 2]);
        assertState(taskId, ITaskConsensus.State.AwaitingUpload, "the others agree");
        assertStatus(address(_attacker), INodeRegistry.Status.None, "slashed");
        vm.assertEq(token.balanceOf(address(incentivePool)), STAKE);
    }

    function test_ACreatorThatRevertsOnEverything() external {
        addNode();
        _attacker.act(address(consensus), abi.encodeCall(consensus.deposit, (100 ether)));
        // Aborted: the refund goes to the ledger, from where it is fetched.
        ITaskConsensus.TaskRequest memory request_ = request();
        _attacker.act(address(consensus), abi.encodeCall(consensus.createTask, (request_)));
        bytes32 taskId = consensus.taskIdOf(address(_attacker), request_.taskKey);
        nextBlock();
        consensus.start(taskId);
        play(taskId, silent(), silent(), silent());
        assertAborted(taskId, ITaskConsensus.AbortReason.NotEnoughReveals, "silent");
        vm.assertEq(consensus.balanceOf(address(_attacker)), 100 ether, "refund");
        _attacker.act(address(consensus), abi.encodeCall(consensus.withdraw, (address(_attacker), 100 ether)));
        vm.assertEq(token.balanceOf(address(_attacker)), STAKE + 500 ether, "all back");
    }

    function test_ABeneficiaryThatRevertsOnEverything() external {
        Attacker beneficiary = new Attacker();
        _join(address(beneficiary));
        _assertPaidAndFreed(address(beneficiary), "beneficiary");
        _assertStakeReturns(address(beneficiary), "beneficiary");
    }

    /// @dev Zero means the node itself.
    function test_TheZeroAddressAsBeneficiary() external {
        _join(address(0));
        vm.assertEq(registry.node(address(_attacker)).beneficiary, address(_attacker));
        _attacker.act(address(registry), abi.encodeCall(NodeRegistry.setBeneficiary, (address(0))));
        vm.warp(block.timestamp + registry.unbondingSeconds());
        _assertPaidAndFreed(address(_attacker), "zero");
        vm.assertEq(consensus.balanceOf(address(0)), 0);
        _assertStakeReturns(address(_attacker), "zero");
    }

    /// @dev What it earns is then nobody's; it stays where it is, and out of reach of all others.
    function test_TheConsensusAsBeneficiary() external {
        _join(address(consensus));
        _assertPaidAndFreed(address(consensus), "consensus");
        uint256 ledgerWei = token.balanceOf(address(consensus));
        _assertStakeReturns(address(consensus), "consensus");
        vm.assertEq(token.balanceOf(address(consensus)), ledgerWei + STAKE, "given away");
        vm.prank(creator);
        vm.expectPartialRevert(bytes4(keccak256("TaskConsensus_InsufficientBalance(address,uint256,uint256)")));
        consensus.withdraw(creator, 1_000 ether);
    }

    function test_TheRegistryAsBeneficiary() external {
        _join(address(registry));
        _assertPaidAndFreed(address(registry), "registry");
        _assertStakeReturns(address(registry), "registry");
    }

    function test_TheIncentivePoolAndTheTokenAsBeneficiary() external {
        _join(address(incentivePool));
        _assertPaidAndFreed(address(incentivePool), "pool");
        _attacker.act(address(registry), abi.encodeCall(NodeRegistry.setBeneficiary, (address(token))));
        vm.warp(block.timestamp + registry.unbondingSeconds());
        _assertStakeReturns(address(token), "token");
    }

    /// @dev Tokens that someone sends by hand move no balance of the ledger and no stake.
    function test_TokensSentByHandAreNobodysBalance() external {
        addNode();
        token.transfer(address(consensus), 77 ether);
        token.transfer(address(registry), 77 ether);
        bytes32 taskId = agreed();
        upload(taskId, "digest");
        vm.assertEq(token.balanceOf(address(consensus)), 1_077 ether);
        uint256 ledgerWei = consensus.balanceOf(creator);
        for (uint256 i = 0; i < 3; ++i) {
            ledgerWei += consensus.balanceOf(nodes[i]);
        }
        vm.assertEq(ledgerWei, 1_000 ether, "the ledger knows nothing of them");
        vm.assertEq(token.balanceOf(address(registry)), 3 * STAKE + 77 ether);
    }
}
