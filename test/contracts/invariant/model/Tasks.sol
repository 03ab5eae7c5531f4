// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ITaskConsensus} from "../../../../contracts/interfaces/ITaskConsensus.sol";
import {Errors} from "../../../../contracts/libraries/Errors.sol";
import {Members} from "./Members.sol";

/// @dev The tasks, after protocol §3 to §5, written without a look at how the contract does it: a score is not bytes here
/// but "which block is off by how many bits". Every move answers as in Members.
abstract contract Tasks is Members {
    enum Phase {
        None,
        Queued,
        Computing, // drawn; reveals have not been opened
        Revealing,
        Awaiting, // the first upload
        Completed,
        Replacing, // completed, and a faulty upload is to be replaced
        Aborted
    }

    /// @dev What is to be done next with a task that somebody looks for.
    enum Need {
        Start,
        Commit,
        Reveal,
        Upload,
        Fault,
        Advance,
        Cancel,
        Time
    }

    struct Answer {
        bool committed;
        bool revealed;
        bool honest;
        bool copied; // another node's commitment: it can never be revealed
        uint8 outcome;
        uint8 block_; // which 8 bytes of the score are off
        uint8 flips; // and by how many bits
    }

    struct Job {
        Phase phase;
        ITaskConsensus.AbortReason reason;
        bool text;
        bool invalid; // the truth about its arguments
        uint8 images;
        address creator;
        address relay;
        uint256 relayEntry;
        bytes32 gpuModel;
        uint256 minVramGb;
        uint256 timeoutSeconds;
        uint256 revealWindow;
        uint256 threshold;
        uint256 feeWei;
        uint256 drawBlock;
        uint256 deadline; // of the phase
        uint256 askedAt; // when who is to upload, or did, was asked to
        address[3] nodes;
        uint256[3] memberships;
        Answer[3] answers;
        uint8[3] order; // of commits
        uint8 commits;
        uint8 reveals;
        bool[3] agreed;
        uint8 place; // in `order`, of who is to upload or did
        bytes32 digest;
        bool badUpload;
        uint256 bountyWei;
        uint256 paidWei;
        uint256 bountyPaidWei; // to a node, out of a stake
        uint256 refundedWei;
        uint256 ends;
    }

    mapping(bytes32 taskId => Job) internal _jobs;
    bytes32[] internal _taskIds;
    /// @dev Which something can still happen to.
    bytes32[] internal _open;
    mapping(bytes32 taskId => uint256) private _openIndex;
    bytes32 public touchedTask;
    mapping(ITaskConsensus.AbortReason => uint256) public aborts;
    /// @dev Honest nodes of an honest majority that lost their stake.
    uint256 public wronged;

    // ---- reading

    function job(bytes32 taskId) external view returns (Job memory) {
        return _jobs[taskId];
    }

    function tasks() external view returns (bytes32[] memory) {
        return _taskIds;
    }

    function openTasks() external view returns (bytes32[] memory) {
        return _open;
    }

    function uploaderOf(bytes32 taskId) public view returns (address) {
        Job storage job_ = _jobs[taskId];
        return job_.nodes[job_.order[job_.place]];
    }

    /// @dev Whether `wallet` was slashed for this very task, as the member that it was when it was drawn.
    function slashedHere(bytes32 taskId, address wallet) external view returns (bool) {
        Job storage job_ = _jobs[taskId];
        for (uint256 i = 0; i < 3; ++i) {
            if (job_.nodes[i] == wallet) return slashedFor[wallet][job_.memberships[i]] == taskId;
        }
        return false;
    }

    /// @dev Whether someone who is to upload, or can still be blamed for an upload, has taken its stake away; as far as the
    /// owner left the times alone since it was asked.
    function stakeLeftTooSoon() external view returns (bool) {
        for (uint256 i = 0; i < _open.length; ++i) {
            Job storage job_ = _jobs[_open[i]];
            Phase phase = job_.phase;
            if (phase != Phase.Awaiting && phase != Phase.Completed && phase != Phase.Replacing) continue;
            if (timestamp > job_.deadline || windowsChangedAt >= job_.askedAt) continue;
            uint256 slot = job_.order[job_.place];
            if (withdrawn[job_.nodes[slot]][job_.memberships[slot]]) return true;
        }
        return false;
    }

    /// @dev A task and, where it matters, one of its slots that needs this now; zero for none.
    function pick(uint256 random, Need need) external view returns (bytes32 taskId, uint256 slot) {
        uint256 tasks_ = _open.length;
        uint256 slots = need == Need.Commit || need == Need.Reveal ? 3 : 1;
        for (uint256 i = 0; i < tasks_; ++i) {
            taskId = _open[addmod(random, i, tasks_)];
            Job storage job_ = _jobs[taskId];
            if (!_isIn(job_.phase, need)) continue;
            for (uint256 j = 0; j < slots; ++j) {
                slot = addmod(random >> 128, j, 3);
                if (_needs(job_, slot, need)) return (taskId, slot);
            }
        }
        return (0, 0);
    }

    /// @dev What can be seen at once.
    function _isIn(Phase phase, Need need) private pure returns (bool) {
        if (need == Need.Start || need == Need.Cancel) return phase == Phase.Queued;
        if (need == Need.Commit) return phase == Phase.Computing;
        if (need == Need.Reveal) return phase == Phase.Computing || phase == Phase.Revealing;
        if (need == Need.Fault) return phase == Phase.Completed;
        return _isTimed(phase);
    }

    function _needs(Job storage job_, uint256 slot, Need need) private view returns (bool) {
        Answer storage answer = job_.answers[slot];
        Phase phase = job_.phase;
        bool past = timestamp > job_.deadline;
        if (need == Need.Start) return phase == Phase.Queued && blockNumber > job_.drawBlock && _canDraw(job_);
        if (need == Need.Commit) return phase == Phase.Computing && !past && !answer.committed;
        if (need == Need.Reveal) {
            if (!answer.committed || answer.revealed || answer.copied) return false;
            if (phase == Phase.Computing) {
                return past && job_.commits >= 2 && timestamp <= job_.deadline + job_.revealWindow;
            }
            return phase == Phase.Revealing && !past;
        }
        if (need == Need.Upload) return (phase == Phase.Awaiting || phase == Phase.Replacing) && !past;
        if (need == Need.Fault) {
            return phase == Phase.Completed && !past && job_.badUpload && relayActive[job_.relayEntry];
        }
        if (need == Need.Advance) return _isTimed(phase) && past;
        if (need == Need.Cancel) return phase == Phase.Queued;
        return _isTimed(phase) && !past;
    }

    function _isTimed(Phase phase) private pure returns (bool) {
        return
            phase == Phase.Computing || phase == Phase.Revealing || phase == Phase.Awaiting || phase == Phase.Replacing;
    }

    function _canDraw(Job storage job_) private view returns (bool) {
        return availableCount(job_.text, job_.minVramGb, job_.gpuModel) >= 3;
    }

    // ---- creator

    function createTask(
        bytes32 taskId,
        address creator,
        ITaskConsensus.TaskRequest calldata request,
        bool invalidArguments
    ) external returns (bytes4 refusal) {
        Job storage job_ = _jobs[taskId];
        if (job_.phase != Phase.None) return Errors.TaskConsensus_TaskExists.selector;
        bool text = request.kind == ITaskConsensus.Kind.Text;
        if (text ? request.imageCount != 0 : request.imageCount == 0 || request.imageCount > 10) {
            return Errors.TaskConsensus_ImageCountOutOfRange.selector;
        }
        if (request.minVramGb > 65_535) return Errors.TaskConsensus_VramOutOfRange.selector;
        if (request.executionTimeoutSeconds < minimumTimeout || request.executionTimeoutSeconds > maximumTimeout) {
            return Errors.TaskConsensus_ExecutionTimeoutOutOfRange.selector;
        }
        if (request.argsHash == 0) return Errors.TaskConsensus_ArgsHashZero.selector;
        if (request.feeWei < minimumFeeWei) return Errors.TaskConsensus_FeeOutOfRange.selector;
        if (relayEntry[request.relay] == 0) return Errors.TaskConsensus_RelayUnknown.selector;
        if (ledgerOf[creator] < request.feeWei) return Errors.TaskConsensus_InsufficientBalance.selector;

        touchedTask = taskId;
        _taskIds.push(taskId);
        _openIndex[taskId] = _open.length;
        _open.push(taskId);
        _debit(creator, request.feeWei);
        escrowWei += request.feeWei;
        job_.phase = Phase.Queued;
        (job_.text, job_.images, job_.invalid) = (text, request.imageCount, invalidArguments);
        (job_.creator, job_.relay, job_.relayEntry) = (creator, request.relay, relayEntry[request.relay]);
        (job_.gpuModel, job_.minVramGb) = (request.gpuModel, request.minVramGb);
        (job_.timeoutSeconds, job_.revealWindow) = (request.executionTimeoutSeconds, revealWindow);
        job_.threshold = threshold;
        (job_.feeWei, job_.drawBlock) = (request.feeWei, blockNumber);
        count("tasks queued");
    }

    function cancel(bytes32 taskId, address caller) external returns (bytes4 refusal) {
        Job storage job_ = _touchTask(taskId);
        if (job_.phase == Phase.None) return Errors.TaskConsensus_TaskUnknown.selector;
        if (caller != job_.creator) return Errors.TaskConsensus_NotCreator.selector;
        if (job_.phase != Phase.Queued) return Errors.TaskConsensus_WrongState.selector;
        bool known = blockNumber > job_.drawBlock && blockNumber <= job_.drawBlock + 256;
        if (known && _canDraw(job_)) return Errors.TaskConsensus_CanStart.selector;
        _abort(job_, ITaskConsensus.AbortReason.Cancelled);
    }

    // ---- drawing

    function start(bytes32 taskId) external returns (bytes4 refusal, bool draws) {
        Job storage job_ = _touchTask(taskId);
        if (job_.phase == Phase.None) return (Errors.TaskConsensus_TaskUnknown.selector, false);
        if (job_.phase != Phase.Queued) return (Errors.TaskConsensus_WrongState.selector, false);
        if (blockNumber <= job_.drawBlock) return (Errors.TaskConsensus_DrawTooEarly.selector, false);
        if (blockNumber > job_.drawBlock + 256) {
            job_.drawBlock = blockNumber;
            count("draw blocks renewed");
            return (0, false);
        }
        if (!_canDraw(job_)) return (Errors.NodeRegistry_TooFewNodes.selector, false);
        return (0, true);
    }

    /// @dev Whoever was drawn must have been free and fit; says so instead of reverting.
    function drawn(bytes32 taskId, address[3] calldata nodes) external returns (bool fit) {
        Job storage job_ = _jobs[taskId];
        fit = nodes[0] != nodes[1] && nodes[0] != nodes[2] && nodes[1] != nodes[2];
        for (uint256 i = 0; i < 3; ++i) {
            Member storage member_ = _members[nodes[i]];
            fit = fit && member_.joined && !member_.unbonding && !member_.paused && member_.task == 0;
            fit = fit && member_.vramGb >= job_.minVramGb;
            fit = fit && (job_.gpuModel == 0 || member_.gpuModel == job_.gpuModel);
            fit = fit && (!job_.text || member_.gpuModel == _members[nodes[0]].gpuModel);
            job_.memberships[i] = member_.membership;
        }
        for (uint256 i = 0; i < 3; ++i) {
            _hold(nodes[i], taskId);
        }
        job_.nodes = nodes;
        job_.phase = Phase.Computing;
        job_.deadline = timestamp + job_.timeoutSeconds;
        count("tasks started");
    }

    // ---- commit, reveal

    function commit(bytes32 taskId, uint256 slot, address caller, bool zero, Answer calldata answer)
        external
        returns (bytes4 refusal)
    {
        Job storage job_ = _touchTask(taskId);
        if (job_.phase == Phase.None) return Errors.TaskConsensus_TaskUnknown.selector;
        if (job_.phase != Phase.Computing) return Errors.TaskConsensus_WrongState.selector;
        if (timestamp > job_.deadline) return Errors.TaskConsensus_CommitDeadlinePassed.selector;
        if (caller != job_.nodes[slot]) return Errors.TaskConsensus_NotDrawn.selector;
        if (job_.answers[slot].committed) return Errors.TaskConsensus_AlreadyCommitted.selector;
        if (zero) return Errors.TaskConsensus_CommitmentZero.selector;

        job_.answers[slot] = answer;
        job_.answers[slot].committed = true;
        job_.order[job_.commits++] = uint8(slot);
        if (job_.commits == 3) _openReveals(job_, timestamp);
    }

    /// @param right Whether what is shown is what `slot` committed to.
    function reveal(bytes32 taskId, uint256 slot, address caller, bool right) external returns (bytes4 refusal) {
        Job storage job_ = _touchTask(taskId);
        Answer storage answer = job_.answers[slot];
        if (job_.phase == Phase.None) return Errors.TaskConsensus_TaskUnknown.selector;
        bool due = job_.phase == Phase.Computing && timestamp > job_.deadline && job_.commits >= 2;
        if (job_.phase == Phase.Computing && !due) return Errors.TaskConsensus_RevealsNotOpen.selector;
        if (job_.phase != Phase.Revealing && !due) return Errors.TaskConsensus_WrongState.selector;
        if (timestamp > job_.deadline + (due ? job_.revealWindow : 0)) {
            return Errors.TaskConsensus_RevealDeadlinePassed.selector;
        }
        if (!answer.committed) return Errors.TaskConsensus_NotCommitted.selector;
        if (answer.revealed) return Errors.TaskConsensus_AlreadyRevealed.selector;
        // A promise names who made it.
        if (!right || answer.copied || caller != job_.nodes[slot]) {
            return Errors.TaskConsensus_CommitmentMismatch.selector;
        }

        if (due) _openReveals(job_, job_.deadline);
        answer.revealed = true;
        if (++job_.reveals == job_.commits) _settle(taskId, job_);
    }

    function _openReveals(Job storage job_, uint256 from) private {
        job_.phase = Phase.Revealing;
        job_.deadline = from + job_.revealWindow;
    }

    // ---- verdict

    function _settle(bytes32 taskId, Job storage job_) private {
        bool opened = job_.phase == Phase.Revealing;
        bool[3] memory cheated;
        uint256 agreeing;
        uint8 majority;
        {
            bool[3][3] memory same;
            for (uint256 i = 0; i < 3; ++i) {
                for (uint256 j = 0; j < 3; ++j) {
                    same[i][j] = i != j && _same(job_, job_.answers[i], job_.answers[j]);
                    if (!same[i][j] || job_.agreed[i]) continue;
                    job_.agreed[i] = true;
                    majority = job_.answers[i].outcome;
                    ++agreeing;
                }
            }
        }
        for (uint256 i = 0; i < 3; ++i) {
            Answer storage answer = job_.answers[i];
            if (agreeing == 0 || !answer.revealed || job_.agreed[i]) continue;
            // Everybody can see whether arguments are valid, and computes the same from them.
            bool certain = majority < 2 && answer.outcome < 2;
            cheated[i] = certain;
        }

        bool success = agreeing != 0 && majority == 0;
        while (success && !job_.agreed[job_.order[job_.place]]) ++job_.place;
        for (uint256 i = 0; i < 3; ++i) {
            address wallet = job_.nodes[i];
            if (success && i == job_.order[job_.place]) continue;
            if (cheated[i]) {
                _letGo(wallet, taskId);
                _slash(wallet, taskId, 0);
                _suspect(job_, i);
                count("nodes: cheated");
            } else if (!job_.answers[i].revealed && (opened || !job_.answers[i].committed)) {
                _penalise(wallet);
                _letGo(wallet, taskId);
                count("nodes: silent");
            } else {
                _letGo(wallet, taskId);
            }
        }

        if (success) {
            for (uint256 i = 0; i < 3; ++i) {
                if (job_.agreed[i] && i != job_.order[job_.place]) _pay(job_, i, job_.feeWei / agreeing);
            }
            job_.phase = Phase.Awaiting;
            (job_.askedAt, job_.deadline) = (timestamp, timestamp + uploadWindow);
            count(agreeing == 3 ? bytes32("verdicts: three agree") : bytes32("verdicts: two agree"));
        } else if (agreeing != 0) {
            uint256 shareWei = job_.feeWei * errorFeeBasisPoints / 10_000 / agreeing;
            for (uint256 i = 0; i < 3; ++i) {
                if (job_.agreed[i]) _pay(job_, i, shareWei);
            }
            _abort(job_, ITaskConsensus.AbortReason(uint8(ITaskConsensus.AbortReason.NoAgreement) + majority));
        } else {
            _abort(
                job_,
                job_.reveals < 2 ? ITaskConsensus.AbortReason.NotEnoughReveals : ITaskConsensus.AbortReason.NoAgreement
            );
        }
    }

    function _same(Job storage job_, Answer storage a, Answer storage b) private view returns (bool) {
        if (!a.revealed || !b.revealed || a.outcome != b.outcome) return false;
        if (a.outcome != 0) return true;
        if (job_.text) return a.block_ == b.block_ && a.flips == b.flips;
        if (a.block_ != b.block_) return a.flips < job_.threshold && b.flips < job_.threshold;
        return (a.flips > b.flips ? a.flips - b.flips : b.flips - a.flips) < job_.threshold;
    }

    /// @dev A node that was honest may lose its stake only to two who conspired.
    function _suspect(Job storage job_, uint256 slot) private {
        uint256 liars;
        for (uint256 i = 0; i < 3; ++i) {
            if (job_.answers[i].committed && !job_.answers[i].honest) ++liars;
        }
        if (!job_.answers[slot].honest) return;
        if (liars < 2) ++wronged;
        count("nodes: honest outvoted by two");
    }

    // ---- uploads

    function reportUploaded(bytes32 taskId, address caller, bytes32 digest, bool signed, bool bad)
        external
        returns (bytes4 refusal)
    {
        Job storage job_ = _touchTask(taskId);
        if (job_.phase == Phase.None) return Errors.TaskConsensus_TaskUnknown.selector;
        if (job_.phase != Phase.Awaiting && job_.phase != Phase.Replacing) {
            return Errors.TaskConsensus_WrongState.selector;
        }
        if (caller != uploaderOf(taskId)) return Errors.TaskConsensus_NotUploader.selector;
        if (timestamp > job_.deadline) return Errors.TaskConsensus_UploadDeadlinePassed.selector;
        if (digest == 0) return Errors.TaskConsensus_ResultDigestZero.selector;
        if (!signed) return Errors.TaskConsensus_SignerWrong.selector;

        uint256 slot = job_.order[job_.place];
        _letGo(caller, taskId);
        if (job_.phase == Phase.Awaiting) {
            _pay(job_, slot, job_.feeWei - job_.paidWei);
            ++job_.ends;
            count("ends: completed");
        } else {
            job_.bountyPaidWei += job_.bountyWei;
            _payBounty(job_, beneficiaryOf(caller));
            count("redeliveries: delivered");
        }
        job_.phase = Phase.Completed;
        (job_.digest, job_.badUpload) = (digest, bad);
        job_.deadline = timestamp + uploadWindow;
        _holdStake(caller, job_.deadline + 1);
    }

    function reportFault(bytes32 taskId, bool signed) external returns (bytes4 refusal) {
        Job storage job_ = _touchTask(taskId);
        if (job_.phase == Phase.None) return Errors.TaskConsensus_TaskUnknown.selector;
        if (job_.phase != Phase.Completed) return Errors.TaskConsensus_WrongState.selector;
        if (timestamp > job_.deadline) return Errors.TaskConsensus_FaultWindowClosed.selector;
        if (!relayActive[job_.relayEntry]) return Errors.TaskConsensus_RelayUnknown.selector;
        if (!signed) return Errors.TaskConsensus_SignerWrong.selector;

        uint256 agreeing;
        for (uint256 i = 0; i < 3; ++i) {
            if (job_.agreed[i]) ++agreeing;
        }
        if (!job_.badUpload) ++wronged;
        (, job_.bountyWei) = _slash(uploaderOf(taskId), taskId, job_.feeWei / agreeing);
        bountiesWei += job_.bountyWei;
        bountiesEverWei += job_.bountyWei;
        job_.phase = Phase.Replacing;
        count("uploads: faulted");
        _askNext(job_);
    }

    function _miss(bytes32 taskId, Job storage job_) private {
        address wallet = uploaderOf(taskId);
        _penalise(wallet);
        _letGo(wallet, taskId);
        count("uploads: missed");
        _askNext(job_);
    }

    /// @dev Who agreed, committed later, and has a stake to answer with.
    function _askNext(Job storage job_) private {
        for (uint8 place = job_.place + 1; place < job_.commits; ++place) {
            uint256 slot = job_.order[place];
            if (!job_.agreed[slot]) continue;
            if (!_holdStake(job_.nodes[slot], timestamp + 2 * uploadWindow + 1)) {
                count("uploads: passed over");
                continue;
            }
            job_.place = place;
            // Also where the wallet joined anew meanwhile.
            job_.memberships[slot] = _members[job_.nodes[slot]].membership;
            (job_.askedAt, job_.deadline) = (timestamp, timestamp + uploadWindow);
            return;
        }
        if (job_.phase == Phase.Awaiting) {
            _abort(job_, ITaskConsensus.AbortReason.NotUploaded);
        } else {
            _payBounty(job_, job_.creator);
            job_.phase = Phase.Completed;
            // Nobody hears of this fault again.
            (job_.badUpload, job_.deadline) = (false, timestamp - 1);
            count("redeliveries: failed");
        }
    }

    // ---- time

    function advance(bytes32 taskId) public returns (bytes4 refusal) {
        Job storage job_ = _touchTask(taskId);
        if (job_.phase == Phase.None) return Errors.TaskConsensus_TaskUnknown.selector;
        if (!_isTimed(job_.phase) || timestamp <= job_.deadline) {
            return Errors.TaskConsensus_NothingToAdvance.selector;
        }
        if (job_.phase == Phase.Awaiting || job_.phase == Phase.Replacing) {
            _miss(taskId, job_);
            return 0;
        }
        if (job_.phase == Phase.Computing && job_.commits >= 2) _openReveals(job_, job_.deadline);
        if (timestamp > job_.deadline) _settle(taskId, job_);
    }

    /// @dev Nothing can happen any more to a task that was aborted, or completed and is past the time for faults.
    function _close(bytes32 taskId) private {
        bytes32 last = _open[_open.length - 1];
        (_open[_openIndex[taskId]], _openIndex[last]) = (last, _openIndex[taskId]);
        _open.pop();
    }

    /// @dev Two of the open tasks are looked at in every step.
    function _closeSome() internal {
        for (uint256 i = 0; i < 2 && _open.length != 0; ++i) {
            Job storage job_ = _jobs[_open[(steps + i) % _open.length]];
            bool over = job_.phase == Phase.Aborted || (job_.phase == Phase.Completed && timestamp > job_.deadline);
            if (over) _close(_open[(steps + i) % _open.length]);
        }
    }

    // ---- money

    function _pay(Job storage job_, uint256 slot, uint256 amountWei) private {
        job_.paidWei += amountWei;
        escrowWei -= amountWei;
        if (amountWei != 0) _credit(beneficiaryOf(job_.nodes[slot]), amountWei);
    }

    function _payBounty(Job storage job_, address to) private {
        bountiesWei -= job_.bountyWei;
        if (job_.bountyWei != 0) _credit(to, job_.bountyWei);
        job_.bountyWei = 0;
    }

    function _abort(Job storage job_, ITaskConsensus.AbortReason reason) private {
        uint256 refundWei = job_.feeWei - job_.paidWei;
        job_.refundedWei += refundWei;
        escrowWei -= refundWei;
        _credit(job_.creator, refundWei);
        (job_.phase, job_.reason) = (Phase.Aborted, reason);
        ++job_.ends;
        ++aborts[reason];
        count(_nameOf(reason));
    }

    function _nameOf(ITaskConsensus.AbortReason reason) private pure returns (bytes32) {
        if (reason == ITaskConsensus.AbortReason.Cancelled) return "ends: cancelled";
        if (reason == ITaskConsensus.AbortReason.NotEnoughReveals) return "ends: not enough reveals";
        if (reason == ITaskConsensus.AbortReason.NoAgreement) return "ends: no agreement";
        if (reason == ITaskConsensus.AbortReason.InvalidArguments) return "ends: invalid arguments";
        if (reason == ITaskConsensus.AbortReason.ArgumentsUnavailable) return "ends: arguments unavailable";
        if (reason == ITaskConsensus.AbortReason.ModelUnavailable) return "ends: model unavailable";
        return "ends: not uploaded";
    }

    function _touchTask(bytes32 taskId) private returns (Job storage job_) {
        touchedTask = taskId;
        return _jobs[taskId];
    }
}
