// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {INodePools} from "../../contracts/interfaces/INodePools.sol";
import {INodeRegistry} from "../../contracts/interfaces/INodeRegistry.sol";
import {Errors} from "../../contracts/libraries/Errors.sol";
import {NetworkTest} from "./base/NetworkTest.sol";

/// @notice A node's life: joining, pausing, leaving, and what it may change meanwhile.
contract NodeRegistryTest is NetworkTest {
    address private constant NODE = address(0xBEEF);
    address private constant COLD = address(0xC01D);
    bytes32 private constant KEY = keccak256("X25519");

    function setUp() public override {
        super.setUp();
        fund(NODE, 10 * STAKE);
    }

    function _join(address beneficiary) private {
        vm.prank(NODE);
        registry.join(STAKE, GPU, 24, KEY, beneficiary);
    }

    /// @dev NODE joined and holds a task, with two others.
    function _busy() private returns (bytes32 taskId) {
        _join(address(0));
        addNodes(2);
        taskId = started();
        assertStatus(NODE, INodeRegistry.Status.Busy, "busy");
    }

    function _assert(INodeRegistry.Status status) private view {
        assertStatus(NODE, status, "status");
    }

    function _expectWrongStatus(INodeRegistry.Status status) private {
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_WrongStatus.selector, NODE, status));
    }

    // ---- joining

    function test_Join() external {
        _join(COLD);
        INodeRegistry.NodeView memory node = registry.node(NODE);
        vm.assertEq(uint256(node.status), uint256(INodeRegistry.Status.Available));
        vm.assertEq(node.stakeWei, STAKE);
        vm.assertEq(node.gpuModel, GPU);
        vm.assertEq(node.vramGb, 24);
        vm.assertEq(node.encryptionKey, KEY);
        vm.assertEq(node.beneficiary, COLD);
        vm.assertEq(node.pendingBeneficiary, address(0));
        vm.assertEq(token.balanceOf(address(registry)), STAKE);
        vm.assertEq(registry.memberCount(), 1);
        vm.assertEq(registry.availableCount(false, 24, 0), 1);
    }

    function test_Join_Refusals() external {
        vm.prank(NODE);
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_StakeTooLow.selector, STAKE - 1, STAKE));
        registry.join(STAKE - 1, GPU, 24, KEY, COLD);
        vm.prank(NODE);
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_StakeTooHigh.selector, 1 << 96));
        registry.join(1 << 96, GPU, 24, KEY, COLD);
        vm.prank(NODE);
        vm.expectRevert(Errors.NodeRegistry_GpuModelZero.selector);
        registry.join(STAKE, 0, 24, KEY, COLD);
        vm.prank(NODE);
        vm.expectRevert(Errors.NodeRegistry_EncryptionKeyZero.selector);
        registry.join(STAKE, GPU, 24, 0, COLD);
        vm.prank(NODE);
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_VramOutOfRange.selector, 0, 1, 65_535));
        registry.join(STAKE, GPU, 0, KEY, COLD);
        vm.prank(NODE);
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_VramOutOfRange.selector, 65_536, 1, 65_535));
        registry.join(STAKE, GPU, 65_536, KEY, COLD);
        _join(COLD);
        vm.prank(NODE);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.NodeRegistry_AlreadyJoined.selector, NODE, INodeRegistry.Status.Available)
        );
        registry.join(STAKE, GPU, 24, KEY, COLD);
    }

    function _permit(uint256 key, address spender, uint256 amount, uint256 deadline)
        private
        view
        returns (uint8, bytes32, bytes32)
    {
        address owner = vm.addr(key);
        bytes32 typeHash =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 message = keccak256(abi.encode(typeHash, owner, spender, amount, token.nonces(owner), deadline));
        return vm.sign(key, keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), message)));
    }

    function test_JoinAndIncreaseWithPermit_AlsoWhenSomeoneUsedItBefore() external {
        address node = vm.addr(77);
        token.transfer(node, 2 * STAKE);
        uint256 deadline = block.timestamp;
        (uint8 v, bytes32 r, bytes32 s) = _permit(77, address(registry), STAKE, deadline);
        token.permit(node, address(registry), STAKE, deadline, v, r, s);
        vm.prank(node);
        registry.joinWithPermit(STAKE, GPU, 24, KEY, address(0), deadline, v, r, s);
        (v, r, s) = _permit(77, address(registry), STAKE, deadline);
        vm.prank(node);
        registry.increaseStakeWithPermit(STAKE, deadline, v, r, s);
        vm.assertEq(registry.node(node).stakeWei, 2 * STAKE);
        // Without any allowance the transfer fails.
        vm.prank(node);
        vm.expectPartialRevert(bytes4(keccak256("ERC20InsufficientAllowance(address,uint256,uint256)")));
        registry.increaseStakeWithPermit(STAKE, deadline, v, r, s);
    }

    function test_IncreaseStake() external {
        vm.prank(NODE);
        _expectWrongStatus(INodeRegistry.Status.None);
        registry.increaseStake(1);
        _join(address(0));
        vm.prank(NODE);
        registry.increaseStake(5);
        vm.assertEq(registry.node(NODE).stakeWei, STAKE + 5);
        vm.prank(NODE);
        vm.expectRevert(Errors.NodeRegistry_AmountZero.selector);
        registry.increaseStake(0);
        vm.prank(NODE);
        vm.expectPartialRevert(Errors.NodeRegistry_StakeTooHigh.selector);
        registry.increaseStake(1 << 96);
        vm.startPrank(NODE);
        registry.leave();
        _expectWrongStatus(INodeRegistry.Status.Unbonding);
        registry.increaseStake(1);
    }

    // ---- pause, resume, leave

    function test_PauseAndResume() external {
        _join(address(0));
        vm.startPrank(NODE);
        _expectWrongStatus(INodeRegistry.Status.Available);
        registry.resume();
        registry.pause();
        _assert(INodeRegistry.Status.Paused);
        vm.assertEq(registry.availableCount(false, 0, 0), 0);
        vm.assertEq(registry.memberCount(), 1);
        _expectWrongStatus(INodeRegistry.Status.Paused);
        registry.pause();
        registry.resume();
        _assert(INodeRegistry.Status.Available);
        vm.assertEq(registry.availableCount(false, 0, 0), 1);
    }

    function test_PauseWhileBusy_WaitsForTheTask() external {
        bytes32 taskId = _busy();
        vm.startPrank(NODE);
        registry.pause();
        _assert(INodeRegistry.Status.PausePending);
        registry.resume();
        _assert(INodeRegistry.Status.Busy);
        registry.pause();
        vm.stopPrank();
        play(taskId, result(A), result(B), result(C));
        _assert(INodeRegistry.Status.Paused);
    }

    function test_LeaveWhileBusy_WaitsForTheTask() external {
        bytes32 taskId = _busy();
        vm.startPrank(NODE);
        registry.leave();
        _assert(INodeRegistry.Status.LeavePending);
        _expectWrongStatus(INodeRegistry.Status.LeavePending);
        registry.leave();
        registry.resume();
        _assert(INodeRegistry.Status.Busy);
        registry.pause();
        registry.leave();
        vm.stopPrank();
        play(taskId, result(A), result(B), result(C));
        _assert(INodeRegistry.Status.Unbonding);
        vm.assertEq(registry.memberCount(), 2);
    }

    function test_SilentWhileLeaving_PenaltyAndThenUnbonding() external {
        bytes32 taskId = _busy();
        vm.prank(NODE);
        registry.leave();
        play(taskId, silent(), silent(), silent());
        _assert(INodeRegistry.Status.Unbonding);
        vm.assertEq(registry.node(NODE).stakeWei, STAKE * 98 / 100);
    }

    function test_LeaveAndWithdraw() external {
        _join(COLD);
        vm.startPrank(NODE);
        _expectWrongStatus(INodeRegistry.Status.Available);
        registry.withdrawStake();
        registry.leave();
        uint256 endsAt = block.timestamp + 1_800;
        vm.assertEq(registry.node(NODE).unbondingEndsAt, endsAt);
        vm.assertEq(registry.memberCount(), 0);
        _expectWrongStatus(INodeRegistry.Status.Unbonding);
        registry.resume();
        vm.warp(endsAt - 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_StillUnbonding.selector, NODE, endsAt));
        registry.withdrawStake();
        vm.warp(endsAt);
        registry.withdrawStake();
        vm.assertEq(token.balanceOf(COLD), STAKE);
        _assert(INodeRegistry.Status.None);
        _expectWrongStatus(INodeRegistry.Status.None);
        registry.withdrawStake();

        // Joining again is a new life.
        registry.join(STAKE, keccak256("other"), 8, KEY, address(0));
        vm.assertEq(registry.node(NODE).beneficiary, NODE, "the old beneficiary is forgotten");
        vm.assertEq(registry.availableCount(true, 0, keccak256("other")), 1);
        vm.assertEq(registry.availableCount(true, 0, GPU), 0);
    }

    /// @dev A live node that was penalised is not locked out; one that was penalised again and again is.
    function test_Resume_NeedsThreeQuartersOfTheMinimum() external {
        vm.assertEq(registry.resumeStakeWei(), STAKE * 3 / 4);
        _join(address(0));
        addNodes(2);
        uint256 rounds;
        while (registry.node(NODE).stakeWei >= STAKE * 3 / 4) {
            bytes32 taskId = started();
            play(taskId, silent(), silent(), silent());
            _assert(INodeRegistry.Status.Paused);
            for (uint256 i = 0; i < 2; ++i) {
                vm.startPrank(nodes[i]);
                if (registry.node(nodes[i]).stakeWei < STAKE * 3 / 4) break;
                registry.resume();
                vm.stopPrank();
            }
            vm.stopPrank();
            if (registry.node(NODE).stakeWei < STAKE * 3 / 4) break;
            vm.prank(NODE);
            registry.resume();
            ++rounds;
        }
        vm.assertEq(rounds, 14);
        uint256 stakeWei = registry.node(NODE).stakeWei;
        vm.startPrank(NODE);
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_StakeTooLow.selector, stakeWei, STAKE * 3 / 4));
        registry.resume();
        token.approve(address(registry), type(uint256).max);
        token.transfer(address(1), 0);
        vm.stopPrank();
        fund(NODE, STAKE);
        vm.startPrank(NODE);
        registry.increaseStake(STAKE * 3 / 4 - stakeWei);
        registry.resume();
        _assert(INodeRegistry.Status.Available);
    }

    // ---- what a node may change

    function test_SetEncryptionKey() external {
        vm.prank(NODE);
        _expectWrongStatus(INodeRegistry.Status.None);
        registry.setEncryptionKey(KEY);
        bytes32 taskId = _busy();
        vm.prank(NODE);
        _expectWrongStatus(INodeRegistry.Status.Busy);
        registry.setEncryptionKey(KEY);
        play(taskId, result(A), result(B), result(C));
        vm.startPrank(NODE);
        registry.setEncryptionKey(SALT);
        vm.assertEq(registry.node(NODE).encryptionKey, SALT);
        vm.expectRevert(Errors.NodeRegistry_EncryptionKeyZero.selector);
        registry.setEncryptionKey(0);
    }

    function test_SetHardware_MovesBetweenPools_OncePerUnbondingPeriod() external {
        _join(address(0));
        addNodes(3);
        bytes32 other = keccak256("Apple M3 Max");
        vm.startPrank(NODE);
        registry.setHardware(other, 100);
        vm.assertEq(registry.node(NODE).gpuModel, other);
        vm.assertEq(registry.availableCount(false, 100, 0), 1);
        vm.assertEq(registry.availableCount(false, 0, 0), 4);
        vm.assertEq(registry.availableCount(true, 0, GPU), 3);
        vm.assertEq(registry.availableCount(true, 0, 0), 3, "the largest group");
        vm.expectRevert(
            abi.encodeWithSelector(Errors.NodeRegistry_HardwareChangedRecently.selector, NODE, block.timestamp + 1_800)
        );
        registry.setHardware(GPU, 24);
        vm.warp(block.timestamp + 1_800);
        registry.pause();
        registry.setHardware(GPU, 24);
        _assert(INodeRegistry.Status.Paused);
        vm.assertEq(registry.availableCount(true, 0, GPU), 3, "still paused");
        registry.resume();
        vm.assertEq(registry.availableCount(true, 0, GPU), 4);
    }

    function test_SetBeneficiary_AfterOneUnbondingPeriod() external {
        vm.prank(NODE);
        _expectWrongStatus(INodeRegistry.Status.None);
        registry.setBeneficiary(COLD);
        _join(COLD);
        vm.startPrank(NODE);
        registry.setBeneficiary(address(0));
        INodeRegistry.NodeView memory node = registry.node(NODE);
        vm.assertEq(node.beneficiary, COLD);
        vm.assertEq(node.pendingBeneficiary, NODE);
        vm.assertEq(node.beneficiaryChangeAt, block.timestamp + 1_800);
        vm.warp(block.timestamp + 1_800);
        node = registry.node(NODE);
        vm.assertEq(node.beneficiary, NODE);
        vm.assertEq(node.pendingBeneficiary, address(0));
        // Another request does not bring the first beneficiary back.
        registry.setBeneficiary(address(0xD00D));
        vm.assertEq(registry.node(NODE).beneficiary, NODE);
        vm.warp(block.timestamp + 1_800);
        vm.assertEq(registry.node(NODE).beneficiary, address(0xD00D));
    }

    function test_EarningsGoToTheBeneficiary() external {
        _join(COLD);
        addNodes(2);
        bytes32 taskId = started();
        play(taskId, result(A), result(A), result(A));
        upload(taskId, "digest");
        vm.assertEq(consensus.balanceOf(NODE), 0);
        vm.assertGe(consensus.balanceOf(COLD), FEE / 3, "share");
        uint256 amount = consensus.balanceOf(COLD);
        vm.prank(COLD);
        consensus.withdraw(COLD, amount);
        vm.assertEq(token.balanceOf(COLD), amount);
    }

    // ---- who may call what, and the owner's bounds

    function test_OnlyTheConsensus() external {
        bytes memory refusal = abi.encodeWithSelector(Errors.NodeRegistry_NotConsensus.selector, address(this));
        INodePools.Draw memory nothing;
        vm.expectRevert(refusal);
        registry.draw(nothing);
        address[3] memory wallets;
        INodePools.Action[3] memory actions;
        vm.expectRevert(refusal);
        registry.settle(wallets, actions);
        vm.expectRevert(refusal);
        registry.settleOne(NODE, INodePools.Action.FreeAndSlash);
        vm.expectRevert(refusal);
        registry.slashForBounty(NODE, 1);
        vm.expectRevert(refusal);
        registry.holdStake(NODE, 1);
    }

    function test_OnlyTheOwner() external {
        bytes memory refusal = abi.encodeWithSignature("OwnableUnauthorizedAccount(address)", NODE);
        vm.startPrank(NODE);
        vm.expectRevert(refusal);
        registry.setMinimumStake(1 ether);
        vm.expectRevert(refusal);
        registry.setUnbonding(1_900);
        vm.expectRevert(refusal);
        registry.setPenalty(1);
        vm.expectRevert(refusal);
        incentivePool.distribute(NODE, 1);
    }

    function test_TheOwnerChangesInTwoSteps() external {
        registry.transferOwnership(NODE);
        vm.assertEq(registry.owner(), address(this));
        vm.prank(NODE);
        registry.acceptOwnership();
        vm.assertEq(registry.owner(), NODE);
    }

    function _expectOutOfBounds(bytes32 name, uint256 value, uint256 lower, uint256 upper) private {
        vm.expectRevert(abi.encodeWithSelector(Errors.Parameter_OutOfBounds.selector, name, value, lower, upper));
    }

    function test_Parameters_HaveBounds() external {
        _expectOutOfBounds("minimumStakeWei", 1 ether - 1, 1 ether, 10_000_000 ether);
        registry.setMinimumStake(1 ether - 1);
        _expectOutOfBounds("minimumStakeWei", 10_000_000 ether + 1, 1 ether, 10_000_000 ether);
        registry.setMinimumStake(10_000_000 ether + 1);
        registry.setMinimumStake(1 ether);
        vm.assertEq(registry.minimumStakeWei(), 1 ether);
        _expectOutOfBounds("penaltyBasisPoints", 1_001, 0, 1_000);
        registry.setPenalty(1_001);
        registry.setPenalty(1_000);
        vm.assertEq(registry.penaltyBasisPoints(), 1_000);
        _expectOutOfBounds("unbondingSeconds", 29, 30, 30 days);
        registry.setUnbonding(29);
        _expectOutOfBounds("unbondingSeconds", 30 days + 1, 30, 30 days);
        registry.setUnbonding(30 days + 1);
        registry.setUnbonding(30 days);
        vm.assertEq(registry.unbondingSeconds(), 30 days);
    }

    function test_UnbondingIsNeverShorterThanTheLongestChallenge() external {
        vm.assertEq(consensus.longestChallengeSeconds(), 1_800);
        vm.expectRevert(abi.encodeWithSelector(Errors.Parameter_UnbondingTooShort.selector, 1_799, 1_800));
        registry.setUnbonding(1_799);
        vm.expectRevert(abi.encodeWithSelector(Errors.Parameter_UnbondingTooShort.selector, 1_800, 1_803));
        consensus.setUploadWindow(601);
        consensus.setUploadWindow(30);
        registry.setUnbonding(90);
        vm.expectPartialRevert(Errors.Parameter_UnbondingTooShort.selector);
        consensus.setUploadWindow(31);
    }

    // ---- IncentivePool

    function test_IncentivePool_Distribute() external {
        token.transfer(address(incentivePool), 10);
        vm.expectRevert(abi.encodeWithSelector(Errors.IncentivePool_InsufficientFunds.selector, 10, 11));
        incentivePool.distribute(COLD, 11);
        vm.expectRevert(Errors.IncentivePool_RecipientZero.selector);
        incentivePool.distribute(address(0), 1);
        incentivePool.distribute(COLD, 10);
        vm.assertEq(token.balanceOf(COLD), 10);
    }

    // ---- token

    function test_Token() external view {
        vm.assertEq(token.name(), "Crynux");
        vm.assertEq(token.symbol(), "CNX");
        vm.assertEq(token.decimals(), 18);
        vm.assertEq(token.totalSupply(), 8_617_333_262 ether);
    }
}
