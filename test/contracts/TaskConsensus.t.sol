// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {INodeRegistry} from "../../contracts/interfaces/INodeRegistry.sol";
import {ITaskConsensus} from "../../contracts/interfaces/ITaskConsensus.sol";
import {Errors} from "../../contracts/libraries/Errors.sol";
import {NetworkTest} from "./base/NetworkTest.sol";

/// @notice The ledger, what a request, a commitment and a reveal must be, relays and the owner's bounds.
contract TaskConsensusTest is NetworkTest {
    address private constant STRANGER = address(0x57A46E);

    function setUp() public override {
        super.setUp();
        addNodes(3);
    }

    // ---- ledger

    function test_DepositAndWithdraw() external {
        fund(STRANGER, 10);
        vm.startPrank(STRANGER);
        consensus.deposit(10);
        vm.assertEq(consensus.balanceOf(STRANGER), 10);
        consensus.withdraw(address(7), 4);
        vm.assertEq(token.balanceOf(address(7)), 4);
        vm.expectRevert(abi.encodeWithSelector(Errors.TaskConsensus_InsufficientBalance.selector, STRANGER, 6, 7));
        consensus.withdraw(STRANGER, 7);
        vm.expectRevert(Errors.TaskConsensus_AmountZero.selector);
        consensus.withdraw(STRANGER, 0);
        vm.expectRevert(Errors.TaskConsensus_AmountZero.selector);
        consensus.deposit(0);
        vm.expectRevert(Errors.TaskConsensus_RecipientZero.selector);
        consensus.withdraw(address(0), 1);
    }

    function test_DepositWithPermit_AlsoWhenSomeoneUsedItBefore() external {
        address account = vm.addr(77);
        token.transfer(account, 100);
        for (uint256 i = 0; i < 2; ++i) {
            bytes32 typeHash =
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
            bytes32 message = keccak256(
                abi.encode(typeHash, account, address(consensus), 50, token.nonces(account), block.timestamp)
            );
            (uint8 v, bytes32 r, bytes32 s) =
                vm.sign(77, keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), message)));
            if (i == 1) token.permit(account, address(consensus), 50, block.timestamp, v, r, s);
            vm.prank(account);
            consensus.depositWithPermit(50, block.timestamp, v, r, s);
        }
        vm.assertEq(consensus.balanceOf(account), 100);
    }

    /// @dev Whatever nodes do with whatever fee: nothing is made, nothing is lost.
    function testFuzz_NothingIsMadeOrLost(uint256 feeWei, uint256 seed, bool text) external {
        ITaskConsensus.TaskRequest memory request_ = text ? textRequest() : request();
        request_.feeWei = bound(feeWei, 3, 1_000 ether);
        bytes32 taskId = start(request_);
        assertConserved(request_.feeWei, "started");
        Move[3] memory moves;
        for (uint256 i = 0; i < 3; ++i) {
            uint256 letter = (seed >> (8 * i)) % 10;
            bytes memory score = letter < 6 ? bytes(A) : bytes(B);
            if (text) score = abi.encode(keccak256(score));
            if (letter < 7) moves[i] = result(score);
            else if (letter == 7) moves[i] = failure(uint8(1 + (seed >> (8 * i + 4)) % 3));
            else moves[i] = letter == 8 ? mute(score) : silent();
        }
        play(taskId, moves, [[uint8(0), 1, 2], [uint8(2), 0, 1], [uint8(1), 2, 0]][(seed >> 32) % 3]);

        bytes32 digest = "first";
        uint256 steps = seed >> 40;
        for (uint256 i = 0; i < 8; ++i) {
            ITaskConsensus.TaskView memory task = consensus.task(taskId);
            uint256 step = (steps >> (2 * i)) & 3;
            if (task.state == ITaskConsensus.State.AwaitingUpload || task.redelivery) {
                if (step == 0) {
                    vm.warp(task.uploadDeadline + 1);
                    consensus.advance(taskId);
                } else {
                    digest = keccak256(abi.encode(digest));
                    upload(taskId, digest);
                }
            } else if (
                task.state == ITaskConsensus.State.Completed && step == 1 && task.uploadDeadline >= block.timestamp
            ) {
                accuse(taskId, digest);
                if (!consensus.task(taskId).redelivery) break;
            } else {
                break;
            }
        }
        ITaskConsensus.TaskView memory end = consensus.task(taskId);
        uint256 ended = uint256(end.state);
        if (ended == uint256(ITaskConsensus.State.AwaitingUpload)) {
            uint256 agreed = consensus.balanceOf(creator) + consensus.balanceOf(nodes[0])
                + consensus.balanceOf(nodes[1]) + consensus.balanceOf(nodes[2]);
            assertConserved(1_000 ether - agreed, "awaiting");
        } else if (end.redelivery) {
            assertConserved(token.balanceOf(address(consensus)) - _ledger(), "awaiting a replacement");
            vm.assertLe(token.balanceOf(address(consensus)) - _ledger(), request_.feeWei / 2, "bounty");
        } else {
            assertConserved(0, "ended");
        }
        vm.assertEq(
            token.balanceOf(address(consensus)) + token.balanceOf(address(registry))
                + token.balanceOf(address(incentivePool)),
            1_000 ether + 3 * STAKE,
            "all money"
        );
    }

    function _ledger() private view returns (uint256) {
        return consensus.balanceOf(creator) + consensus.balanceOf(nodes[0]) + consensus.balanceOf(nodes[1])
            + consensus.balanceOf(nodes[2]);
    }

    // ---- createTask

    function test_CreateTask() external {
        ITaskConsensus.TaskRequest memory request_ = request();
        request_.minVramGb = 7;
        request_.gpuModel = GPU;
        bytes32 taskId = create(request_);
        vm.assertEq(taskId, keccak256(abi.encode(creator, request_.taskKey)));
        vm.assertEq(taskId, consensus.taskIdOf(creator, request_.taskKey));
        ITaskConsensus.TaskView memory task = consensus.task(taskId);
        vm.assertEq(uint256(task.state), uint256(ITaskConsensus.State.Queued));
        vm.assertEq(task.creator, creator);
        vm.assertEq(task.relay, relay);
        vm.assertEq(task.createdBlock, block.number);
        vm.assertEq(task.gpuModel, GPU);
        vm.assertEq(task.minVramGb, 7);
        vm.assertEq(task.executionTimeoutSeconds, TIMEOUT);
        vm.assertEq(task.feeWei, FEE);
        vm.assertEq(task.imageCount, 1);
        vm.assertEq(task.slots[0].node, address(0));
        vm.assertEq(consensus.balanceOf(creator), 1_000 ether - FEE);
        assertConserved(FEE, "queued");
    }

    function test_CreateTask_TheSameKeyNeverPaysTwice() external {
        ITaskConsensus.TaskRequest memory request_ = request();
        bytes32 taskId = create(request_);
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(Errors.TaskConsensus_TaskExists.selector, taskId));
        consensus.createTask(request_);
        vm.prank(creator);
        consensus.cancel(taskId);
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(Errors.TaskConsensus_TaskExists.selector, taskId));
        consensus.createTask(request_);
    }

    function _expectRefused(ITaskConsensus.TaskRequest memory request_, bytes memory reason) private {
        vm.prank(creator);
        vm.expectRevert(reason);
        consensus.createTask(request_);
    }

    function test_CreateTask_Refusals() external {
        ITaskConsensus.TaskRequest memory request_ = request();
        request_.imageCount = 0;
        _expectRefused(request_, abi.encodeWithSelector(Errors.TaskConsensus_ImageCountOutOfRange.selector, 0, 1, 10));
        request_.imageCount = 11;
        _expectRefused(request_, abi.encodeWithSelector(Errors.TaskConsensus_ImageCountOutOfRange.selector, 11, 1, 10));
        request_ = textRequest();
        request_.imageCount = 1;
        _expectRefused(request_, abi.encodeWithSelector(Errors.TaskConsensus_ImageCountOutOfRange.selector, 1, 0, 0));
        request_ = request();
        request_.minVramGb = 65_536;
        _expectRefused(request_, abi.encodeWithSelector(Errors.TaskConsensus_VramOutOfRange.selector, 65_536, 65_535));
        request_ = request();
        request_.executionTimeoutSeconds = 59;
        _expectRefused(
            request_, abi.encodeWithSelector(Errors.TaskConsensus_ExecutionTimeoutOutOfRange.selector, 59, 60, 7_200)
        );
        request_.executionTimeoutSeconds = 7_201;
        _expectRefused(
            request_, abi.encodeWithSelector(Errors.TaskConsensus_ExecutionTimeoutOutOfRange.selector, 7_201, 60, 7_200)
        );
        request_ = request();
        request_.argsHash = 0;
        _expectRefused(request_, abi.encodeWithSelector(Errors.TaskConsensus_ArgsHashZero.selector));
        request_ = request();
        request_.relay = STRANGER;
        _expectRefused(request_, abi.encodeWithSelector(Errors.TaskConsensus_RelayUnknown.selector, STRANGER));
        request_ = request();
        request_.feeWei = 2;
        _expectRefused(
            request_, abi.encodeWithSelector(Errors.TaskConsensus_FeeOutOfRange.selector, 2, 3, type(uint96).max)
        );
        request_.feeWei = 1 << 96;
        _expectRefused(
            request_, abi.encodeWithSelector(Errors.TaskConsensus_FeeOutOfRange.selector, 1 << 96, 3, type(uint96).max)
        );
        request_.feeWei = 1_000 ether + 1;
        _expectRefused(
            request_,
            abi.encodeWithSelector(
                Errors.TaskConsensus_InsufficientBalance.selector, creator, 1_000 ether, 1_000 ether + 1
            )
        );
    }

    // ---- commit and reveal

    function _expectCommit(address caller, bytes32 taskId, bytes32 commitment, bytes memory reason) private {
        vm.prank(caller);
        vm.expectRevert(reason);
        consensus.commit(taskId, 0, commitment);
    }

    function test_Commit_Refusals() external {
        bytes32 queued = create(request());
        _expectCommit(
            nodes[0],
            queued,
            SALT,
            abi.encodeWithSelector(Errors.TaskConsensus_WrongState.selector, queued, ITaskConsensus.State.Queued)
        );
        bytes32 taskId = started();
        address node = drawn(taskId)[0];
        _expectCommit(
            STRANGER, taskId, SALT, abi.encodeWithSelector(Errors.TaskConsensus_NotDrawn.selector, taskId, STRANGER)
        );
        address late = addNode();
        _expectCommit(late, taskId, SALT, abi.encodeWithSelector(Errors.TaskConsensus_NotDrawn.selector, taskId, late));
        _expectCommit(node, taskId, 0, abi.encodeWithSelector(Errors.TaskConsensus_CommitmentZero.selector, taskId));
        commit(taskId, 0, 0, A);
        _expectCommit(
            node, taskId, SALT, abi.encodeWithSelector(Errors.TaskConsensus_AlreadyCommitted.selector, taskId, node)
        );
        vm.assertEq(consensus.task(taskId).slots[0].commitment, commitmentOf(taskId, node, 0, A));
    }

    function _expectReveal(
        address caller,
        bytes32 taskId,
        uint8 outcome,
        bytes memory score,
        bytes32 salt,
        bytes memory reason
    ) private {
        uint256 slot = _slotOf(taskId, caller);
        vm.prank(caller);
        vm.expectRevert(reason);
        consensus.reveal(taskId, slot, outcome, score, salt);
    }

    /// @dev 0 for who was not drawn.
    function _slotOf(bytes32 taskId, address caller) private view returns (uint256) {
        address[3] memory node = drawn(taskId);
        return caller == node[1] ? 1 : caller == node[2] ? 2 : 0;
    }

    function test_Reveal_Refusals() external {
        bytes32 taskId = started();
        address[3] memory node = drawn(taskId);
        commit(taskId, 0, 0, A);
        commit(taskId, 1, 1, "");
        vm.warp(consensus.task(taskId).commitDeadline + 1);
        _expectReveal(
            STRANGER,
            taskId,
            0,
            A,
            SALT,
            abi.encodeWithSelector(Errors.TaskConsensus_CommitmentMismatch.selector, taskId, STRANGER)
        );
        vm.prank(node[0]);
        vm.expectRevert(abi.encodeWithSelector(Errors.TaskConsensus_NotDrawn.selector, taskId, node[0]));
        consensus.reveal(taskId, 3, 0, A, SALT);
        _expectReveal(
            node[2],
            taskId,
            0,
            A,
            SALT,
            abi.encodeWithSelector(Errors.TaskConsensus_NotCommitted.selector, taskId, node[2])
        );
        _expectReveal(
            node[0], taskId, 4, "", SALT, abi.encodeWithSelector(Errors.TaskConsensus_OutcomeUnknown.selector, 4)
        );
        bytes memory mismatch =
            abi.encodeWithSelector(Errors.TaskConsensus_CommitmentMismatch.selector, taskId, node[0]);
        _expectReveal(node[0], taskId, 0, B, SALT, mismatch);
        _expectReveal(node[0], taskId, 0, A, 0, mismatch);
        _expectReveal(node[0], taskId, 1, "", SALT, mismatch);
        _expectReveal(
            node[0], taskId, 0, "", SALT, abi.encodeWithSelector(Errors.TaskConsensus_ScoreLengthWrong.selector, 0, 8)
        );
        _expectReveal(
            node[0],
            taskId,
            0,
            abi.encode(1),
            SALT,
            abi.encodeWithSelector(Errors.TaskConsensus_ScoreLengthWrong.selector, 32, 8)
        );
        _expectReveal(
            node[1], taskId, 1, A, SALT, abi.encodeWithSelector(Errors.TaskConsensus_ScoreLengthWrong.selector, 8, 0)
        );
        reveal(taskId, 0, 0, A);
        _expectReveal(
            node[0],
            taskId,
            0,
            A,
            SALT,
            abi.encodeWithSelector(Errors.TaskConsensus_AlreadyRevealed.selector, taskId, node[0])
        );
    }

    function test_Reveal_TextScoresHave32Bytes() external {
        bytes32 taskId = start(textRequest());
        for (uint256 i = 0; i < 3; ++i) {
            commit(taskId, i, 0, A);
        }
        _expectReveal(
            drawn(taskId)[0],
            taskId,
            0,
            A,
            SALT,
            abi.encodeWithSelector(Errors.TaskConsensus_ScoreLengthWrong.selector, 8, 32)
        );
    }

    /// @dev Security row 11. The copier shows what the honest node showed, and is refused: its name is not in it.
    function test_ACopiedCommitmentCannotBeRevealed() external {
        bytes32 taskId = started();
        address[3] memory node = drawn(taskId);
        commit(taskId, 0, 0, A);
        commit(taskId, 1, 0, A);
        bytes32 copied = consensus.task(taskId).slots[0].commitment;
        vm.prank(node[2]);
        consensus.commit(taskId, 2, copied);
        reveal(taskId, 0, 0, A);
        _expectReveal(
            node[2],
            taskId,
            0,
            A,
            SALT,
            abi.encodeWithSelector(Errors.TaskConsensus_CommitmentMismatch.selector, taskId, node[2])
        );
        reveal(taskId, 1, 0, A);
        vm.warp(consensus.task(taskId).revealDeadline + 1);
        consensus.advance(taskId);
        vm.assertEq(consensus.balanceOf(node[1]), FEE / 2, "honest nodes are paid");
        assertStatus(node[2], INodeRegistry.Status.Paused, "the copier counts as silent");
    }

    /// @dev Of the draw block and the deadlines the view gives the one that counts.
    function test_TheViewGivesOneDeadline() external {
        bytes32 taskId = create(request());
        _assertDeadlines(taskId, block.number, 0, 0, 0);
        nextBlock();
        consensus.start(taskId);
        _assertDeadlines(taskId, 0, block.timestamp + TIMEOUT, 0, 0);
        for (uint256 i = 0; i < 3; ++i) {
            commit(taskId, i, 0, A);
        }
        _assertDeadlines(taskId, 0, 0, block.timestamp + 300, 0);
        for (uint256 i = 0; i < 3; ++i) {
            reveal(taskId, i, 0, A);
        }
        _assertDeadlines(taskId, 0, 0, 0, block.timestamp + 600);
        upload(taskId, "digest");
        _assertDeadlines(taskId, 0, 0, 0, block.timestamp + 600);
        taskId = create(request());
        vm.prank(creator);
        consensus.cancel(taskId);
        _assertDeadlines(taskId, 0, 0, 0, 0);
    }

    function _assertDeadlines(bytes32 taskId, uint256 drawBlock, uint256 commits, uint256 reveals, uint256 uploads)
        private
        view
    {
        ITaskConsensus.TaskView memory task = consensus.task(taskId);
        vm.assertEq(task.drawBlock, drawBlock, "draw block");
        vm.assertEq(task.commitDeadline, commits, "commit deadline");
        vm.assertEq(task.revealDeadline, reveals, "reveal deadline");
        vm.assertEq(task.uploadDeadline, uploads, "upload deadline");
    }

    /// @dev A picture may name a GPU model, too.
    function test_AGpuModelThatIsNamedIsDrawn() external {
        bytes32 rare = keccak256("rare");
        for (uint256 i = 0; i < 3; ++i) {
            addNode(rare, 24);
        }
        for (uint256 i = 0; i < 2; ++i) {
            ITaskConsensus.TaskRequest memory request_ = i == 0 ? request() : textRequest();
            request_.gpuModel = rare;
            bytes32 taskId = start(request_);
            vm.assertEq(consensus.task(taskId).gpuModel, rare);
            for (uint256 slot = 0; slot < 3; ++slot) {
                vm.assertEq(registry.node(drawn(taskId)[slot]).gpuModel, rare);
            }
            play(taskId, silent(), silent(), silent());
            for (uint256 slot = 0; slot < 3; ++slot) {
                vm.prank(drawn(taskId)[slot]);
                registry.resume();
            }
        }
    }

    function test_TheViewNamesNodesAfterTheyLeft() external {
        bytes32 taskId = started();
        address[3] memory node = drawn(taskId);
        play(taskId, result(A), result(B), result(C));
        vm.prank(node[0]);
        registry.leave();
        vm.warp(block.timestamp + 1_800);
        vm.prank(node[0]);
        registry.withdrawStake();
        vm.assertEq(drawn(taskId)[0], node[0]);
        vm.assertEq(consensus.task(taskId).slots[0].score, A);
        vm.assertEq(consensus.task(taskId).slots[0].commitment, bytes32(0));
    }

    // ---- relays

    function test_Relays() external {
        address second = address(0x4E1A2);
        consensus.setRelay(second, "https://second.example");
        vm.assertEq(consensus.relays().length, 2);
        vm.assertEq(consensus.relayUrl(second), "https://second.example");
        consensus.setRelay(second, "https://moved.example");
        vm.assertEq(consensus.relayUrl(second), "https://moved.example");
        consensus.removeRelay(relay);
        vm.assertEq(consensus.relays().length, 1);
        vm.assertEq(consensus.relays()[0], second);
        vm.assertEq(consensus.relayUrl(relay), "");
        _expectRefused(request(), abi.encodeWithSelector(Errors.TaskConsensus_RelayUnknown.selector, relay));
        vm.expectRevert(abi.encodeWithSelector(Errors.TaskConsensus_RelayUnknown.selector, relay));
        consensus.removeRelay(relay);
        consensus.setRelay(relay, "https://back.example");
        create(request());

        vm.expectRevert(Errors.TaskConsensus_RelayZero.selector);
        consensus.setRelay(address(0), "https://zero.example");
        vm.expectRevert(abi.encodeWithSelector(Errors.TaskConsensus_RelayUrlLengthWrong.selector, 0, 1, 255));
        consensus.setRelay(second, "");
        vm.expectRevert(abi.encodeWithSelector(Errors.TaskConsensus_RelayUrlLengthWrong.selector, 256, 1, 255));
        consensus.setRelay(second, string(new bytes(256)));
    }

    // ---- the owner's bounds

    function test_OnlyTheOwner() external {
        bytes memory refusal = abi.encodeWithSignature("OwnableUnauthorizedAccount(address)", STRANGER);
        vm.startPrank(STRANGER);
        vm.expectRevert(refusal);
        consensus.setRelay(STRANGER, "https://stranger.example");
        vm.expectRevert(refusal);
        consensus.removeRelay(relay);
        vm.expectRevert(refusal);
        consensus.setExecutionTimeouts(60, 61);
        vm.expectRevert(refusal);
        consensus.setRevealWindow(60);
        vm.expectRevert(refusal);
        consensus.setUploadWindow(60);
        vm.expectRevert(refusal);
        consensus.setHammingThreshold(6);
        vm.expectRevert(refusal);
        consensus.setErrorFee(6);
        vm.expectRevert(refusal);
        consensus.setMinimumFee(6);
    }

    /// @dev What was near enough when they agreed to the task is near enough at the verdict: nobody is slashed by a new rule.
    function test_AnotherThresholdIsForLaterTasks() external {
        addNodes(3);
        bytes memory near = bytes.concat(bytes8(bytes8(A) ^ bytes8(uint64(0xf))));
        bytes32 taskId = started();
        for (uint256 slot = 0; slot < 3; ++slot) {
            commit(taskId, slot, 0, slot == 2 ? near : A);
        }
        consensus.setHammingThreshold(1);
        for (uint256 slot = 0; slot < 3; ++slot) {
            reveal(taskId, slot, 0, slot == 2 ? near : A);
        }
        vm.assertEq(registry.node(drawn(taskId)[2]).stakeWei, STAKE, "no new rule for an old task");
        upload(taskId, keccak256("files"));

        // The highest one fits into the head of a task, and nothing else is changed by it.
        consensus.setHammingThreshold(16);
        nextBlock();
        ITaskConsensus.TaskRequest memory request_ = request();
        request_.gpuModel = GPU;
        taskId = start(request_);
        vm.assertEq(consensus.task(taskId).gpuModel, GPU);
        vm.assertEq(consensus.task(taskId).feeWei, FEE);
        bytes memory far = bytes.concat(bytes8(bytes8(A) ^ bytes8(uint64(0x7fff))));
        play(taskId, result(A), result(A), result(far));
        vm.assertEq(registry.node(drawn(taskId)[2]).stakeWei, STAKE, "fifteen bits");
    }

    function _expectOutOfBounds(bytes32 name, uint256 value, uint256 lower, uint256 upper) private {
        vm.expectRevert(abi.encodeWithSelector(Errors.Parameter_OutOfBounds.selector, name, value, lower, upper));
    }

    function test_Parameters_HaveBounds() external {
        _expectOutOfBounds("minimumExecutionTimeoutSeconds", 4, 5, 7_200);
        consensus.setExecutionTimeouts(4, 7_200);
        _expectOutOfBounds("maximumExecutionTimeoutSeconds", 7_201, 5, 7_200);
        consensus.setExecutionTimeouts(60, 7_201);
        _expectOutOfBounds("minimumExecutionTimeoutSeconds", 101, 5, 100);
        consensus.setExecutionTimeouts(101, 100);
        consensus.setExecutionTimeouts(5, 100);
        vm.assertEq(consensus.minimumExecutionTimeoutSeconds(), 5);
        vm.assertEq(consensus.maximumExecutionTimeoutSeconds(), 100);

        _expectOutOfBounds("revealWindowSeconds", 9, 10, 3_600);
        consensus.setRevealWindow(9);
        _expectOutOfBounds("revealWindowSeconds", 3_601, 10, 3_600);
        consensus.setRevealWindow(3_601);
        consensus.setRevealWindow(10);
        vm.assertEq(consensus.revealWindowSeconds(), 10);

        _expectOutOfBounds("uploadWindowSeconds", 9, 10, 3_600);
        consensus.setUploadWindow(9);
        _expectOutOfBounds("uploadWindowSeconds", 3_601, 10, 3_600);
        consensus.setUploadWindow(3_601);
        consensus.setUploadWindow(10);
        vm.assertEq(consensus.uploadWindowSeconds(), 10);

        _expectOutOfBounds("hammingThreshold", 0, 1, 16);
        consensus.setHammingThreshold(0);
        _expectOutOfBounds("hammingThreshold", 17, 1, 16);
        consensus.setHammingThreshold(17);
        consensus.setHammingThreshold(16);
        vm.assertEq(consensus.hammingThreshold(), 16);

        _expectOutOfBounds("errorFeeBasisPoints", 5_001, 0, 5_000);
        consensus.setErrorFee(5_001);
        consensus.setErrorFee(0);
        vm.assertEq(consensus.errorFeeBasisPoints(), 0);

        _expectOutOfBounds("minimumFeeWei", 2, 3, 1_000 ether);
        consensus.setMinimumFee(2);
        _expectOutOfBounds("minimumFeeWei", 1_000 ether + 1, 3, 1_000 ether);
        consensus.setMinimumFee(1_000 ether + 1);
        consensus.setMinimumFee(1 ether);
        vm.assertEq(consensus.minimumFeeWei(), 1 ether);
    }
}
